import { memo, type ReactNode, useMemo } from "react";

import { CodeBlock } from "./code-block";
import { direction } from "./direction";
import { type Block, type Node, parse } from "./markdown-parser";

/**
 * A reply's Markdown. It becomes React elements, never HTML: tags in it are shown as text,
 * addresses that could run are dropped, and nothing is loaded from where it points.
 */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  const { blocks, definitions } = useMemo(() => parse(text), [text]);
  return blocks.map((block, place) => <TopBlock key={place} block={block} definitions={definitions} />);
});

/** While a text grows, only its last block is rendered again. */
const TopBlock = memo(
  ({ block }: { block: Block; definitions: string }) => render(block.node, 0),
  (before, after) =>
    before.block.source === after.block.source &&
    before.block.node.type === after.block.node.type &&
    before.definitions === after.definitions,
);

/** Text as it is, where Markdown is not for it. */
export function Plain({ text }: { text: string }) {
  return (
    <p className="plain" dir="auto">
      {text}
    </p>
  );
}

const SAFE = /^(https?|ircs?|mailto|xmpp)$/i;

/** Return an address unless it could run something. */
function safe(address: string): string | undefined {
  const [start = ""] = address.split(/[/?#]/, 1);
  const colon = start.indexOf(":");
  return colon < 0 || SAFE.test(start.slice(0, colon)) ? address : undefined;
}

function all(nodes: readonly Node[]): ReactNode {
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
      return all(children);
    case "verbatim":
      return (
        <span key={key} className="verbatim">
          {text}
        </span>
      );
    case "html_block": // shown, never run
    case "plain":
      return <Plain key={key} text={text} />;
    case "paragraph":
      if (token.hidden) return all(children); // a tight list's item
      return <Auto key={key} as="p" nodes={children} />;
    case "heading": {
      // A reply's headings stand below its speaker's.
      const level = token.tag === "h1" ? "1" : token.tag === "h2" ? "2" : undefined;
      return (
        <h3 key={key} data-level={level} dir="auto">
          {all(children)}
        </h3>
      );
    }
    case "strong":
    case "em":
    case "s":
      return <Bare key={key} as={token.tag as "em"} nodes={children} />;
    case "code_inline":
      return (
        <code key={key} dir="ltr">
          {text}
        </code>
      );
    case "link": {
      const href = safe(String(token.attrGet("href") ?? ""));
      if (!href) return <span key={key}>{all(children)}</span>;
      return (
        <a key={key} href={href} target="_blank" rel="noopener noreferrer nofollow">
          {all(children)}
        </a>
      );
    }
    case "image":
      return (
        <span key={key} className="quiet">
          [{text || "image"}: {token.attrGet("src")}]
        </span>
      );
    case "bullet_list":
      return (
        <ul key={key} dir={direction(children)}>
          {all(children)}
        </ul>
      );
    case "ordered_list":
      return (
        <ol key={key} dir={direction(children)} start={Number(token.attrGet("start") ?? 1)}>
          {all(children)}
        </ol>
      );
    case "list_item":
      return (
        <li key={key} dir={direction(children)}>
          {all(children)}
        </li>
      );
    case "blockquote":
      return (
        <blockquote key={key} dir={direction(children)}>
          {all(children)}
        </blockquote>
      );
    case "table":
      return (
        <div key={key} className="table" tabIndex={0} dir={direction(children)}>
          <table>{all(children)}</table>
        </div>
      );
    case "thead":
    case "tbody":
    case "tr":
      return <Bare key={key} as={type} nodes={children} />;
    case "th":
    case "td":
      return <Cell key={key} node={node} />;
    case "hr":
      return <hr key={key} />;
    case "fence":
    case "code_block":
      return <CodeBlock key={key} text={text} language={token.info.trim().split(/\s/, 1)[0] ?? ""} />;
    default:
      return text || all(children);
  }
}

function Auto({ as: Tag, nodes }: { as: "p"; nodes: readonly Node[] }) {
  return <Tag dir="auto">{all(nodes)}</Tag>;
}

function Bare({ as: Tag, nodes }: { as: "em" | "thead" | "tbody" | "tr"; nodes: readonly Node[] }) {
  return <Tag>{all(nodes)}</Tag>;
}

function Cell({ node: { type, token, children } }: { node: Node }) {
  const align = /text-align:(left|right|center)/.exec(String(token.attrGet("style") ?? ""))?.[1];
  const Tag = type as "td";
  return (
    <Tag dir="auto" style={align ? { textAlign: align as "left" } : undefined}>
      {all(children)}
    </Tag>
  );
}
