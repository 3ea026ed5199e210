// Markdown as a tree of blocks. Models write anything, so what is made of a text is bounded: depth,
// table cells, blocks, markup in one paragraph. What is beyond a bound stays in the tree as plain
// text, to the letter.

import MarkdownIt, { type Env, type StateBlock, type StateCore, type Token } from "markdown-it";

/** An element of markdown-it's name for it ("paragraph", "strong", …), or text. */
export interface Node {
  type: string;
  /** What it says, where it says something itself: "text", "verbatim", "plain", "fence", … */
  text: string;
  token: Token;
  children: Node[];
}

/** A block at the top of a text. */
export interface Block {
  node: Node;
  /** The lines that it was made of: the same lines make the same block, unless definitions changed. */
  source: string;
}

export interface Parsed {
  blocks: Block[];
  /** The link definitions of the whole text, as one string. */
  definitions: string;
}

const LENGTH = 100_000; // characters of a text that are parsed
const DEPTH = 24; // of blocks; a list counts twice
const TOKENS = 10_000; // of blocks; a paragraph has three, a table cell too
const CODE_WEIGHS = 30; // tokens; a block of code has a frame and a button
const CELLS = 3_000; // of one table
const PIECES = 10_000; // of text and its markup, in the whole text
const PARAGRAPH = 20_000; // characters that may hold markup
const MARKS = 1_000; // characters of markup in one paragraph
const INLINE_DEPTH = 20;

const MARK = /[[\]*_`~<&\\!:@]/g;
const DELIMITER_ROW = /^[-:|> \t]+$/;
const TASK = /^\[([ xX])\] /;

const markdown = new MarkdownIt({ html: true, linkify: true, maxNesting: 100 });
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
markdown.validateLink = () => true; // the page drops those that could run and keeps their words
markdown.block.ruler.before("table", "bounds", keepWithinBounds);
markdown.block.ruler.before("reference", "footnote", isFootnote, { alt: [] });
markdown.core.ruler.after("block", "size", cutBlocks);
markdown.core.ruler.at("inline", parseInline);

/** Parse a text. Its blocks hold all of it but the markup that they stand for. */
export function parse(text: string): Parsed {
  const whole = text.replace(/\r\n?/g, "\n");
  const end = whole.length > LENGTH ? endOfLine(whole) : whole.length;
  const env: Env = {};
  const lines = whole.slice(0, end).split("\n");
  const blocks = tree(markdown.parse(whole.slice(0, end), env)).map((node) => ({
    node,
    source: lines.slice(...(node.token.map ?? [0, 0])).join("\n"),
  }));
  // Definitions alone would show nothing.
  if (!blocks.length && whole.trim()) return { blocks: [rest(whole)], definitions: "" };
  if (end < whole.length) blocks.push(rest(whole.slice(end).replace(/^\n/, "")));
  return { blocks, definitions: env.references ? JSON.stringify(env.references) : "" };
}

/** Return where the last line ends that is parsed. */
function endOfLine(text: string): number {
  const end = text.lastIndexOf("\n", LENGTH);
  return end > LENGTH / 2 ? end : LENGTH;
}

function rest(text: string): Block {
  const token = new markdown.core.State("", markdown, {}).Token;
  return { node: { type: "plain", text, token: new token("plain", "", 0), children: [] }, source: text };
}

/** A rule before all others: it takes the lines that would lead beyond a bound, as plain text. */
function keepWithinBounds(state: StateBlock, start: number, end: number, silent: boolean): boolean {
  if (silent) return false;
  const fits = state.level < DEPTH && state.tokens.length < TOKENS;
  const stop = fits ? endOfTable(state, start, end) : endOfContainer(state, start, end);
  if (!stop) return false;
  const token = state.push("plain", "", 0);
  token.content = state.getLines(start, stop, state.blkIndent, false);
  token.map = [start, stop];
  state.line = stop;
  return true;
}

function endOfContainer(state: StateBlock, start: number, end: number): number {
  let stop = start + 1;
  while (stop < end && (state.isEmpty(stop) || state.sCount[stop]! >= state.blkIndent)) stop++;
  return stop;
}

/** Return the line behind a table of too many cells that begins here, else 0. */
function endOfTable(state: StateBlock, start: number, end: number): number {
  if (start + 2 > end) return 0;
  const row = state.src.slice(state.bMarks[start + 1], state.eMarks[start + 1]);
  if (!row.includes("|") || !DELIMITER_ROW.test(row)) return 0;
  let stop = start + 2;
  while (stop < end && !state.isEmpty(stop)) stop++;
  const columns = row.split("|").filter((cell) => cell.trim()).length;
  return columns * (stop - start) > CELLS ? stop : 0;
}

/** `[^1]: word` is no definition of a link, in which it would vanish. */
function isFootnote(state: StateBlock, start: number, _end: number, silent: boolean): boolean {
  const at = state.bMarks[start]! + state.tShift[start]!;
  if (silent || !state.src.startsWith("[^", at)) return false;
  const stop = start + 1;
  state.push("paragraph_open", "p", 1).map = [start, stop];
  const inline = state.push("inline", "", 0);
  inline.content = state.getLines(start, stop, state.blkIndent, false).trim();
  inline.map = [start, stop];
  inline.children = [];
  state.push("paragraph_close", "p", -1);
  state.line = stop;
  return true;
}

/** From the block on that makes them too many, blocks are one plain text: a list may have any length. */
function cutBlocks(state: StateCore): void {
  let [weight, cut] = [0, 0];
  for (const [place, { type, level, nesting }] of state.tokens.entries()) {
    if (level === 0 && nesting >= 0) cut = place;
    weight += type === "fence" || type === "code_block" ? CODE_WEIGHS : 1;
    if (weight > TOKENS) break;
  }
  if (weight <= TOKENS) return;
  const [from] = state.tokens[cut]!.map!;
  const plain = new state.Token("plain", "", 0);
  plain.content = state.src.split("\n").slice(from).join("\n");
  plain.map = [from, Infinity];
  state.tokens.splice(cut, Infinity, plain);
}

/** In place of markdown-it's own rule: what would be too much stays plain. */
function parseInline(state: StateCore): void {
  let pieces = 0;
  for (const [place, token] of state.tokens.entries()) {
    if (token.type !== "inline" || !token.content) continue;
    token.children = [];
    if (pieces < PIECES && isSimple(token.content))
      state.md.inline.parse(token.content, state.md, state.env, token.children);
    pieces += token.children.length;
    if (token.children.length && depth(token.children) <= INLINE_DEPTH && pieces < PIECES) {
      if (state.tokens[place - 2]?.type === "list_item_open") drawBox(token.children[0]!);
      continue;
    }
    token.type = "verbatim"; // which linkify leaves alone
    token.children = null;
  }
}

/** Draw the box of a task: nothing here can be ticked. */
function drawBox(text: Token): void {
  text.content = text.content.replace(TASK, (_, mark) => (mark === " " ? "☐ " : "☑ "));
}

function isSimple(text: string): boolean {
  return text.length < PARAGRAPH && (text.match(MARK)?.length ?? 0) < MARKS;
}

function depth(tokens: Token[]): number {
  let [now, most] = [0, 0];
  for (const { nesting } of tokens) most = Math.max(most, (now += nesting));
  return most;
}

/** Return flat tokens as a tree. */
function tree(tokens: Token[]): Node[] {
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
      children: token.children ? tree(token.children) : [],
    };
    open.at(-1)!.push(node);
    if (token.nesting > 0) open.push(node.children);
  }
  return top;
}
