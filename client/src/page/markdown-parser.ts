// Parses Markdown into a tree of blocks. The amount of text that is parsed is bounded; see also
// markdown-bounds.ts.

import MarkdownIt, { type Env, type Token } from "markdown-it";

import { addBounds } from "./markdown-bounds";

/** An element or a piece of text. */
export interface Node {
  /** markdown-it's name: "paragraph", "strong", "text", …; or "plain" and "verbatim", see `addBounds`. */
  type: string;
  /** The node's own text, "" if all its text is in its children. */
  text: string;
  token: Token;
  children: Node[];
}

/** A block at the top level. */
export interface Block {
  node: Node;
  /** The lines of the block. With the same definitions, the same lines give the same block. */
  source: string;
}

export interface ParsedText {
  blocks: Block[];
  /** The link definitions of the whole text, as one string. */
  definitions: string;
}

const MAX_LENGTH = 100_000; // characters that are parsed

const markdown = new MarkdownIt({ html: true, linkify: true, maxNesting: 100 });
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
markdown.validateLink = () => true; // markdown.tsx removes unsafe links and keeps their text
addBounds(markdown);

/** Parse a text. The blocks contain the whole text, except for the markup that became elements. */
export function parse(text: string): ParsedText {
  const whole = text.replace(/\r\n?/g, "\n");
  const end = whole.length > MAX_LENGTH ? lastLineEnd(whole) : whole.length;
  const env: Env = {};
  const lines = whole.slice(0, end).split("\n");
  const blocks = toTree(markdown.parse(whole.slice(0, end), env)).map((node) => ({
    node,
    source: lines.slice(...(node.token.map ?? [0, 0])).join("\n"),
  }));
  // A text of link definitions alone would render nothing.
  if (!blocks.length && whole.trim()) return { blocks: [plainBlock(whole)], definitions: "" };
  if (end < whole.length) blocks.push(plainBlock(whole.slice(end).replace(/^\n/, "")));
  return { blocks, definitions: env.references ? JSON.stringify(env.references) : "" };
}

/** Return the end of the last line within the bound, or the bound if that line is very long. */
function lastLineEnd(text: string): number {
  const end = text.lastIndexOf("\n", MAX_LENGTH);
  return end > MAX_LENGTH / 2 ? end : MAX_LENGTH;
}

function plainBlock(text: string): Block {
  const token = new markdown.core.State("", markdown, {}).Token;
  return { node: { type: "plain", text, token: new token("plain", "", 0), children: [] }, source: text };
}

/** Convert markdown-it's flat list of tokens to a tree. */
function toTree(tokens: Token[]): Node[] {
  const top: Node[] = [];
  const open = [top];
  for (const token of tokens) {
    if (token.nesting < 0) {
      open.pop();
      continue;
    }
    const node = {
      type: token.type.replace(/_open$/, ""),
      text: token.content,
      token,
      children: token.children ? toTree(token.children) : [],
    };
    open.at(-1)!.push(node);
    if (token.nesting > 0) open.push(node.children);
  }
  return top;
}
