import type { Node } from "./markdown-parser";

const TEXT_TYPES = new Set(["text", "verbatim", "plain", "html_block"]);
const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * Return the text direction of a list, quote or table, from its first letter. `dir="auto"` ignores
 * child elements that have a `dir` of their own, and the blocks inside have one.
 */
export function textDirection(nodes: readonly Node[]): "rtl" | "ltr" {
  const letter = firstLetter(nodes);
  return letter && RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr";
}

function firstLetter(nodes: readonly Node[]): string {
  for (const { type, text, children } of nodes) {
    const letter = TEXT_TYPES.has(type) ? LETTER.exec(text)?.[0] : firstLetter(children);
    if (letter) return letter;
  }
  return "";
}
