import { memo, type ReactNode, useMemo } from "react";

import { CodeBlock } from "./code-block";
import { type Block, type Node, parse } from "./markdown-parser";
import { textDirection } from "./text-direction";

/**
 * A reply's Markdown as React elements. HTML tags are shown as text, links with an unsafe scheme
 * are removed, and images are not loaded.
 */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  const { blocks, definitions } = useMemo(() => parse(text), [text]);
  return blocks.map((block, index) => <TopBlock key={index} block={block} definitions={definitions} />);
});

/** Memoized: while a text grows, only its last block is rendered again. */
const TopBlock = memo(
  ({ block }: { block: Block; definitions: string }) => render(block.node, 0),
  (before, after) =>
    before.block.source === after.block.source &&
    before.block.node.type === after.block.node.type &&
    before.definitions === after.definitions,
);

/** Text that is not parsed as Markdown. */
export function PlainText({ text }: { text: string }) {
  return (
    <p className="plain" dir="auto">
      {text}
    </p>
  );
}

const SAFE_SCHEME = /^(https?|ircs?|mailto|xmpp)$/i;

/** Return a URL if it is relative or has a safe scheme. */
function safeUrl(url: string): string | undefined {
  const [start = ""] = url.split(/[/?#]/, 1);
  const colon = start.indexOf(":");
  return colon < 0 || SAFE_SCHEME.test(start.slice(0, colon)) ? url : undefined;
}

function renderAll(nodes: readonly Node[]): ReactNode {
  return nodes.map(render);
}

function render(node: Node, key: number): ReactNode {
  const { type, text, token, children } = node;
  switch (type) {
    case "text":
    case "text_special":
    case "html_inline":
      return text;
    case "softbreak":
      return "\n";
    case "hardbreak":
      return <br key={key} />;
    case "inline":
      return renderAll(children);
    case "verbatim":
      return (
        <span key={key} className="verbatim">
          {text}
        </span>
      );
    case "html_block": // shown as text
    case "plain":
      return <PlainText key={key} text={text} />;
    case "paragraph":
      if (token.hidden) return renderAll(children); // an item of a tight list
      return <Paragraph key={key} nodes={children} />;
    case "heading": {
      // h1 and h2 are the page's own headings.
      const level = token.tag === "h1" ? "1" : token.tag === "h2" ? "2" : undefined;
      return (
        <h3 key={key} data-level={level} dir="auto">
          {renderAll(children)}
        </h3>
      );
    }
    case "strong":
    case "em":
    case "s":
      return <PlainElement key={key} as={token.tag as "em"} nodes={children} />;
    case "code_inline":
      return (
        <code key={key} dir="ltr">
          {text}
        </code>
      );
    case "link": {
      const href = safeUrl(String(token.attrGet("href") ?? ""));
      if (!href) return <span key={key}>{renderAll(children)}</span>;
      return (
        <a key={key} href={href} target="_blank" rel="noopener noreferrer nofollow">
          {renderAll(children)}
        </a>
      );
    }
    case "image":
      return (
        <span key={key} className="muted">
          [{text || "image"}: {token.attrGet("src")}]
        </span>
      );
    case "bullet_list":
      return (
        <ul key={key} dir={textDirection(children)}>
          {renderAll(children)}
        </ul>
      );
    case "ordered_list":
      return (
        <ol key={key} dir={textDirection(children)} start={Number(token.attrGet("start") ?? 1)}>
          {renderAll(children)}
        </ol>
      );
    case "list_item":
      return (
        <li key={key} dir={textDirection(children)}>
          {renderAll(children)}
        </li>
      );
    case "blockquote":
      return (
        <blockquote key={key} dir={textDirection(children)}>
          {renderAll(children)}
        </blockquote>
      );
    case "table":
      return (
        <div key={key} className="table" tabIndex={0} dir={textDirection(children)}>
          <table>{renderAll(children)}</table>
        </div>
      );
    case "thead":
    case "tbody":
    case "tr":
      return <PlainElement key={key} as={type} nodes={children} />;
    case "th":
    case "td":
      return <Cell key={key} node={node} />;
    case "hr":
      return <hr key={key} />;
    case "fence":
    case "code_block":
      return <CodeBlock key={key} text={text} language={token.info.trim().split(/\s/, 1)[0] ?? ""} />;
    default:
      return text || renderAll(children);
  }
}

function Paragraph({ nodes }: { nodes: readonly Node[] }) {
  return <p dir="auto">{renderAll(nodes)}</p>;
}

function PlainElement({ as: Tag, nodes }: { as: "em" | "thead" | "tbody" | "tr"; nodes: readonly Node[] }) {
  return <Tag>{renderAll(nodes)}</Tag>;
}

function Cell({ node: { type, token, children } }: { node: Node }) {
  const align = /text-align:(left|right|center)/.exec(String(token.attrGet("style") ?? ""))?.[1];
  const Tag = type as "td";
  return (
    <Tag dir="auto" style={align ? { textAlign: align as "left" } : undefined}>
      {renderAll(children)}
    </Tag>
  );
}
