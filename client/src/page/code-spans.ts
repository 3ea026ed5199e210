import { common, createLowlight } from "lowlight";

/** A piece of code: the class of its colour, "" for none, and its text. */
export type CodeSpan = [className: string, text: string];

const MAX_SPANS = 10_000; // of one block

type HighlightedNode = ReturnType<typeof lowlight.highlight>["children"][number];

const lowlight = createLowlight(common);

/** Return code as spans, or null if the language is unknown or there are too many spans. */
export function highlightCode(text: string, language: string): CodeSpan[] | null {
  if (!lowlight.registered(language)) return null;
  const spans: CodeSpan[] = [];
  collect(lowlight.highlight(language, text).children, "", spans);
  return spans.length <= MAX_SPANS ? spans : null;
}

function collect(nodes: readonly HighlightedNode[], className: string, spans: CodeSpan[]): void {
  for (const node of nodes) {
    if (node.type === "element") {
      const names = node.properties.className;
      collect(node.children as HighlightedNode[], Array.isArray(names) ? names.join(" ") : "", spans);
    } else if (node.type === "text") {
      const last = spans.at(-1);
      if (last?.[0] === className) last[1] += node.value;
      else spans.push([className, node.value]);
    }
  }
}
