import { memo } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

import { CodeBlock } from "./code-block";

/**
 * A reply's Markdown. It becomes React elements, never HTML: tags in it are shown as text,
 * addresses that could run are dropped, and nothing is loaded from where it points.
 */
export const Markdown = memo(function Markdown({ text, streams }: { text: string; streams: boolean }) {
  return (
    <div className="markdown" data-streams={streams}>
      <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS}>
        {text}
      </ReactMarkdown>
    </div>
  );
});

const PLUGINS = [remarkGfm];

const COMPONENTS: Components = {
  a: ({ href, children }) =>
    href ? (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    ) : (
      <span>{children}</span>
    ),
  img: ({ alt, src }) => (
    <span className="quiet">
      [{alt || "image"}: {String(src)}]
    </span>
  ),
  // Task lists: nothing here can be ticked.
  input: ({ checked }) => <span>{checked ? "☑" : "☐"}</span>,
  table: ({ children }) => (
    <div className="table" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
  // A reply's headings stand below its speaker's.
  h1: ({ children }) => <h3 data-level="1">{children}</h3>,
  h2: ({ children }) => <h3 data-level="2">{children}</h3>,
  h3: ({ children }) => <h3>{children}</h3>,
  h4: ({ children }) => <h3>{children}</h3>,
  h5: ({ children }) => <h3>{children}</h3>,
  h6: ({ children }) => <h3>{children}</h3>,
  pre: ({ node }) => {
    const code = node?.children[0];
    if (code?.type !== "element") return null;
    const names = code.properties.className;
    const language = Array.isArray(names) ? String(names[0]).replace("language-", "") : "";
    const text = code.children.map((child) => ("value" in child ? child.value : "")).join("");
    return <CodeBlock text={text} language={language} />;
  },
};
