import { type ReactNode, useEffect, useState } from "react";

import { CopyButton } from "./copy-button";

const LONGEST = 50_000; // characters that are worth colouring

type Highlight = (text: string, language: string) => ReactNode;

/** A block of code, coloured once the highlighter, which is loaded with the first block, is there. */
export function CodeBlock({ text, language }: { text: string; language: string }) {
  const highlight = useHighlight(Boolean(language));
  return (
    <figure className="code">
      <figcaption>
        <span>{language || "code"}</span>
        <CopyButton text={text} label="Copy code" />
      </figcaption>
      <pre tabIndex={0}>
        <code>{highlight && text.length < LONGEST ? highlight(text, language) : text}</code>
      </pre>
    </figure>
  );
}

function useHighlight(wanted: boolean): Highlight | null {
  const [highlight, setHighlight] = useState<Highlight | null>(null);
  useEffect(() => {
    if (!wanted) return;
    let shown = true;
    import("./highlight").then(
      (loaded) => shown && setHighlight(() => loaded.highlight),
      () => undefined, // offline, perhaps: code without colours is code
    );
    return () => {
      shown = false;
    };
  }, [wanted]);
  return highlight;
}
