import { memo, useEffect, useRef, useState } from "react";

import { CopyButton } from "./copy-button";
import type { Run } from "./highlight";
import { Highlighter } from "./highlighter";

const LONGEST = 50_000; // characters that are worth colouring

/** The highlighter is loaded with the first block. */
const highlighter = new Highlighter(
  () => new Worker(new URL("./highlight.worker.ts", import.meta.url), { type: "module" }),
);

/** A block of code, coloured once its colours are there. It is never right-to-left. */
export const CodeBlock = memo(function CodeBlock({ text, language }: { text: string; language: string }) {
  const runs = useColours(text, language);
  const coloured = runs.reduce((sum, [, part]) => sum + part.length, 0);
  return (
    <figure className="code" dir="ltr">
      <figcaption>
        <span>{language || "code"}</span>
        <CopyButton text={text} label="Copy code" />
      </figcaption>
      <pre tabIndex={0}>
        <code>
          {runs.map(([kind, part], place) =>
            kind ? (
              <span key={place} className={kind}>
                {part}
              </span>
            ) : (
              part
            ),
          )}
          {text.slice(coloured)}
        </code>
      </pre>
    </figure>
  );
});

const NONE: Run[] = [];

/** Return the colours of a text, or of its beginning while it grows. */
function useColours(text: string, language: string): Run[] {
  const [known, setKnown] = useState({ text: "", language, runs: NONE });
  const busy = useRef(false);
  const givenUp = useRef("");
  const mounted = useRef(true);

  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);

  useEffect(() => {
    if (!language || busy.current || givenUp.current === language) return;
    if (text.length > LONGEST || (known.text === text && known.language === language)) return;
    busy.current = true;
    void highlighter.colour(text, language).then((runs) => {
      busy.current = false;
      if (!runs) givenUp.current = language; // what it grows to would take no less
      if (mounted.current) setKnown({ text: runs ? text : "", language, runs: runs ?? NONE });
    });
  }, [text, language, known]);

  const fits = known.language === language && text.startsWith(known.text);
  return fits ? known.runs : NONE;
}
