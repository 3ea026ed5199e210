import { common, createLowlight } from "lowlight";

/** Text of one colour: the class, "" for none, and the text. */
export type Run = [kind: string, text: string];

const RUNS = 10_000; // of one block

type Lit = ReturnType<typeof lowlight.highlight>["children"][number];

const lowlight = createLowlight(common);

/** Return code in its colours, or null where the language is not known or there are too many. */
export function highlight(text: string, language: string): Run[] | null {
  if (!lowlight.registered(language)) return null;
  const runs: Run[] = [];
  collect(lowlight.highlight(language, text).children, "", runs);
  return runs.length <= RUNS ? runs : null;
}

function collect(nodes: readonly Lit[], kind: string, runs: Run[]): void {
  for (const node of nodes) {
    if (node.type === "element") {
      const names = node.properties.className;
      collect(node.children as Lit[], Array.isArray(names) ? names.join(" ") : "", runs);
    } else if (node.type === "text") {
      const last = runs.at(-1);
      if (last?.[0] === kind) last[1] += node.value;
      else runs.push([kind, node.value]);
    }
  }
}
