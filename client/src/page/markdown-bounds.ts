// Rules for markdown-it that bound the cost of a text. A model that repeats itself writes text that
// would take minutes to parse or to render. Text beyond a bound is kept as plain text.

import type { MarkdownIt, StateBlock, StateCore, Token } from "markdown-it";

const MAX_BLOCK_DEPTH = 24; // a list counts twice
const MAX_BLOCK_TOKENS = 10_000; // of a text; a paragraph or a table cell has three
const CODE_BLOCK_WEIGHT = 30; // tokens that a block of code counts for; it also has a frame and a button
const MAX_TABLE_CELLS = 3_000; // of one table
const MAX_INLINE_TOKENS = 10_000; // of a text
const MAX_PARAGRAPH_LENGTH = 20_000; // characters; longer paragraphs are not parsed
const MAX_MARKUP_CHARACTERS = 1_000; // of one paragraph
const MAX_INLINE_DEPTH = 20;

const MARKUP_CHARACTER = /[[\]*_`~<&\\!:@]/g;
const DELIMITER_ROW = /^[-:|> \t]+$/;
const TASK = /^\[([ xX])\] /;

/**
 * Add the rules. They add two types of token: "plain" is a block, and "verbatim" the content of a
 * paragraph, that is not parsed. They also keep footnotes as they are written.
 */
export function addBounds(markdown: MarkdownIt): void {
  markdown.block.ruler.before("table", "bounds", boundBlocks);
  markdown.block.ruler.before("reference", "footnote", keepFootnote, { alt: [] });
  markdown.core.ruler.after("block", "size", cutTokens);
  markdown.core.ruler.at("inline", parseInline);
}

/** The first block rule: lines that nest too deeply, or start a table that is too large, become plain text. */
function boundBlocks(state: StateBlock, start: number, end: number, silent: boolean): boolean {
  if (silent) return false;
  const fits = state.level < MAX_BLOCK_DEPTH && state.tokens.length < MAX_BLOCK_TOKENS;
  const stop = fits ? largeTableEnd(state, start, end) : containerEnd(state, start, end);
  if (!stop) return false;
  const token = state.push("plain", "", 0);
  token.content = state.getLines(start, stop, state.blkIndent, false);
  token.map = [start, stop];
  state.line = stop;
  return true;
}

/** Return the line after the list item or quote that contains the line `start`. */
function containerEnd(state: StateBlock, start: number, end: number): number {
  let stop = start + 1;
  while (stop < end && (state.isEmpty(stop) || state.sCount[stop]! >= state.blkIndent)) stop++;
  return stop;
}

/** Return the line after a table with too many cells that starts at `start`, 0 if there is none. */
function largeTableEnd(state: StateBlock, start: number, end: number): number {
  if (start + 2 > end) return 0;
  const row = state.src.slice(state.bMarks[start + 1], state.eMarks[start + 1]);
  if (!row.includes("|") || !DELIMITER_ROW.test(row)) return 0;
  let stop = start + 2;
  while (stop < end && !state.isEmpty(stop)) stop++;
  const columns = row.split("|").filter((cell) => cell.trim()).length;
  return columns * (stop - start) > MAX_TABLE_CELLS ? stop : 0;
}

/** Block rule: make `[^1]: word` a paragraph. As a link definition it would not be rendered. */
function keepFootnote(state: StateBlock, start: number, _end: number, silent: boolean): boolean {
  const offset = state.bMarks[start]! + state.tShift[start]!;
  if (silent || !state.src.startsWith("[^", offset)) return false;
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

/**
 * Core rule: replace the top-level block that exceeds the number of tokens, and all blocks after it,
 * by one plain text. `boundBlocks` cannot do this, because one list may have any number of items.
 */
function cutTokens(state: StateCore): void {
  let [weight, cut] = [0, 0];
  for (const [index, { type, level, nesting }] of state.tokens.entries()) {
    if (level === 0 && nesting >= 0) cut = index;
    weight += type === "fence" || type === "code_block" ? CODE_BLOCK_WEIGHT : 1;
    if (weight > MAX_BLOCK_TOKENS) break;
  }
  if (weight <= MAX_BLOCK_TOKENS) return;
  const [firstLine] = state.tokens[cut]!.map!;
  const plain = new state.Token("plain", "", 0);
  plain.content = state.src.split("\n").slice(firstLine).join("\n");
  plain.map = [firstLine, Infinity];
  state.tokens.splice(cut, Infinity, plain);
}

/** Core rule, replaces markdown-it's "inline": parse a paragraph's content if it is within the bounds. */
function parseInline(state: StateCore): void {
  let tokenCount = 0;
  for (const [index, token] of state.tokens.entries()) {
    if (token.type !== "inline" || !token.content) continue;
    token.children = [];
    if (tokenCount < MAX_INLINE_TOKENS && isParsable(token.content))
      state.md.inline.parse(token.content, state.md, state.env, token.children);
    tokenCount += token.children.length;
    if (
      token.children.length &&
      maxDepth(token.children) <= MAX_INLINE_DEPTH &&
      tokenCount < MAX_INLINE_TOKENS
    ) {
      if (state.tokens[index - 2]?.type === "list_item_open") replaceTaskMarker(token.children[0]!);
      continue;
    }
    token.type = "verbatim"; // linkify ignores this type
    token.children = null;
  }
}

/** Replace a task's `[x]` by a character: the page shows no checkbox. */
function replaceTaskMarker(text: Token): void {
  text.content = text.content.replace(TASK, (_, mark) => (mark === " " ? "☐ " : "☑ "));
}

function isParsable(text: string): boolean {
  const markupCharacters = text.match(MARKUP_CHARACTER)?.length ?? 0;
  return text.length < MAX_PARAGRAPH_LENGTH && markupCharacters < MAX_MARKUP_CHARACTERS;
}

function maxDepth(tokens: Token[]): number {
  let [depth, max] = [0, 0];
  for (const { nesting } of tokens) max = Math.max(max, (depth += nesting));
  return max;
}
