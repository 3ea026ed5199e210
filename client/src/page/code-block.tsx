import { memo, useEffect, useRef, useState } from "react";

import type { CodeSpan } from "./code-spans";
import { CopyButton } from "./copy-button";
import { Highlighter } from "./highlighter";

const MAX_LENGTH = 50_000; // characters; longer code is not highlighted

// The worker's script is loaded when the first block is highlighted.
const highlighter = new Highlighter(
  () => new Worker(new URL("./highlight.worker.ts", import.meta.url), { type: "module" }),
);

/** A block of code. It is highlighted when the worker has answered, and is always left-to-right. */
export const CodeBlock = memo(function CodeBlock({ text, language }: { text: string; language: string }) {
  const spans = useCodeSpans(text, language);
  const highlightedLength = spans.reduce((sum, [, part]) => sum + part.length, 0);
  return (
    <figure className="code" dir="ltr">
      <figcaption>
        <span>{language || "code"}</span>
        <CopyButton text={text} label="Copy code" />
      </figcaption>
      <pre tabIndex={0}>
        <code>
          {spans.map(([className, part], index) =>
            className ? (
              <span key={index} className={className}>
                {part}
              </span>
            ) : (
              part
            ),
          )}
          {text.slice(highlightedLength)}
        </code>
      </pre>
    </figure>
  );
});

const NO_SPANS: CodeSpan[] = [];

/** Return the spans of a text. While the text grows, they may cover only its beginning. */
function useCodeSpans(text: string, language: string): CodeSpan[] {
  const [result, setResult] = useState({ text: "", language, spans: NO_SPANS });
  const isBusy = useRef(false);
  const failedLanguage = useRef("");
  const isMounted = useRef(true);

  useEffect(() => {
    isMounted.current = true;
    return () => {
      isMounted.current = false;
    };
  }, []);

  useEffect(() => {
    if (!language || isBusy.current || failedLanguage.current === language) return;
    if (text.length > MAX_LENGTH || (result.text === text && result.language === language)) return;
    isBusy.current = true;
    void highlighter.highlight(text, language).then((spans) => {
      isBusy.current = false;
      if (!spans) failedLanguage.current = language; // a longer text would fail too
      if (isMounted.current) setResult({ text: spans ? text : "", language, spans: spans ?? NO_SPANS });
    });
  }, [text, language, result]);

  const isCurrent = result.language === language && text.startsWith(result.text);
  return isCurrent ? result.spans : NO_SPANS;
}
