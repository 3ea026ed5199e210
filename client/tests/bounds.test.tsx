// What models that repeat themselves write. The time is generous: each takes some tens of ms here,
// and without bounds many seconds, or it throws.

import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";

import { parse } from "../src/page/markdown-parser";
import { Markdown } from "../src/page/markdown";

const WITHIN = 2_000; // ms
const SIZE = 50_000; // characters

function html(text: string): string {
  return renderToStaticMarkup(<Markdown text={text} />);
}

/** Return what a reader sees. */
function seen(text: string): string {
  return html(text)
    .replace(/<[^>]*>/g, "")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&#x27;/g, "'")
    .replace(/&amp;/g, "&");
}

function expectQuick(text: string): void {
  const began = performance.now();
  const shown = html(text);
  expect(performance.now() - began).toBeLessThan(WITHIN);
  expect(shown.length).toBeLessThan(30 * SIZE);
}

function times(unit: string, size = SIZE): string {
  return unit.repeat(Math.ceil(size / unit.length));
}

function table(columns: number, rows: number, row: string): string {
  return `|${"a|".repeat(columns)}\n|${"-|".repeat(columns)}\n${`${row}\n`.repeat(rows)}`;
}

const UNITS = [
  ...[..."!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ a1א😀"],
  ..."> |1. |- |* |+ |1) |- 1. |> - |*a |a* |**a |_a |__a |*a_ |*a **b |~~a |**a*".split("|"),
  ..."[a](|[a](<b|![a](|[a]|[a][|[a][b]|![|[[|][|](|[^a]|[^a]: |[*a](|*[a](b)|**[a](b) |[`|@[|<[|[_".split("|"),
  ..."`a|``a`|`a``b```c|<a|<a |<a>|</a>|<a href=\"|<!--|<?|<![CDATA[|<a@b|<http://a|&a|&amp;|&#1|\\|a\\".split("|"),
  ..."http://|http://a|https://a.b(|https://a.b/[|www.a.b |a@b.c |mailto:a@|a.|(c)|--|\"'".split("|"),
  ...["|", "|-", "|-|", "|\n", "|a|\n", "|-|\n", "|a|b|\n|-|-|\n", "a|b\n-|-\nc|d\n\n", "|`", "|\\|"],
  ...["a\n", "a\n\n", "- a\n", "- a\n\n", "1. a\n", "> a\n", "#\n", "# a\n", "---\n", "a\n===\n", "    a\n", "a  \n", "\\\n"],
  ...["```\n", "~~~\n", "```a\n```\n", "- [ ] a\n", "- a\n  - b\n", "<div>\n\n", "[a]: b\n", "[^a]: b\n", "[a\n", "](\n", "\t", "\r\n", "\u2028"],
];

describe("a text that repeats", () => {
  it.each(UNITS)("%j is shown soon", (unit) => {
    expectQuick(times(unit));
    expectQuick(`a ${times(unit, SIZE / 4)}b`);
  });

  it("two marks in turn are shown soon", () => {
    const marks = [..."[]()*_`~<>!&\\|@:#-\n "];
    for (const one of marks) for (const other of marks) expectQuick(times(one + other, 5_000));
  }, 60_000);

  it.each([
    ["*", "*"], ["_", "_"], ["**a ", " b**"], ["*a ", " b*"], ["~~a ", " b~~"], ["[", "](a)"],
    ["![", "](a)"], ["[", "]"], ["[a ", " b](c)"], ["<b>", "</b>"], ["`", " `"], ["(", ")"], ["*a **b ", " c** d*"],
  ])("%j nested is shown soon", (open, close) => {
    for (const depth of [30, 1_000, SIZE / (open.length + close.length)])
      expectQuick(`${open.repeat(depth)}x${close.repeat(depth)}`);
  });

  it.each([">", "> ", "- ", "1. ", "  ", "#", "`", "*", "[", "|", "~"])("%j ever more often is shown soon", (unit) => {
    let text = "";
    for (let n = 0; text.length < SIZE; n++) text += `${unit.repeat(n)} a\n`;
    expectQuick(text);
  });

  it.each(["- a", "1. a", "* > a", "- - a"])("%j ever deeper is shown soon", (item) => {
    let text = "";
    for (let n = 0; text.length < SIZE; n++) text += `${"   ".repeat(n)}${item}\n`;
    expectQuick(text);
  });

  it.each([[300, 300], [650, 650], [5_000, 5_000], [20_000, 10_000], [2, 20_000], [1_000, 50]])(
    "a table of %i columns and %i bare rows is shown soon",
    (columns, rows) => {
      for (const row of ["|", "b", "| |"]) {
        expectQuick(table(columns, rows, row));
        expectQuick(`- ${table(columns, rows, row).replaceAll("\n", "\n  ")}`);
        expectQuick(`> ${table(columns, rows, row).replaceAll("\n", "\n> ")}`);
      }
    },
  );

  it("many tables are shown soon", () => {
    expectQuick(times(`${table(30, 30, "|")}\n`));
    expectQuick(times(`${table(3, 2, "|b|c|d|")}\n`));
  });

  it("links to many definitions are shown soon", () => {
    expectQuick(`[a]: ${"b".repeat(SIZE / 2)}\n\n${times("[a]", SIZE / 2)}`);
  });
});

describe("beyond a bound", () => {
  it.each([
    [">".repeat(3_000)],
    ["> ".repeat(5_000).trim()],
    [`${"1. ".repeat(3_333)}x`],
    ["[".repeat(5_000)],
    [`${"*a ".repeat(500)}x${" b*".repeat(500)}`],
    [table(300, 300, "|").trim()],
  ])("nothing is lost: %.20s", (text) => {
    const marks = (of: string) => of.replace(/\s/g, "");
    // Quotes and lists have as many of their marks drawn as there are levels.
    expect(marks(text).length - marks(seen(text)).length).toBeLessThan(80);
  });

  it("only the block that is beyond it is plain", () => {
    const shown = html(`**before**\n\n${table(300, 300, "|")}\n**after**\n\n${"[".repeat(2_000)}\n\n- *end*`);
    for (const part of ["<strong>before</strong>", "<strong>after</strong>", "<em>end</em>"])
      expect(shown).toContain(part);
    expect(shown).not.toContain("<table");
  });

  it("what follows a deep list stands behind it", () => {
    const deep = Array.from({ length: 30 }, (_, n) => `${"  ".repeat(n)}- a${n}`).join("\n");
    const { blocks } = parse(`${deep}\n\n**after**`);
    expect(blocks.map(({ node }) => node.type)).toEqual(["bullet_list", "paragraph"]);
    expect(seen(deep)).toContain("a29");
  });

  it("a long text keeps its end", () => {
    const text = `${times("**word** word\n\n", 250_000)}end`;
    expectQuick(text);
    expect(seen(text)).toMatch(/end$/);
    expect(html(text)).toContain("<strong>word</strong>");
  });

  it("a table, a list and a quote of usual size are what they were", () => {
    expect(html(table(8, 300, "|b|c|").trim())).toContain("<table>");
    expect(html("- a\n".repeat(1_000))).toMatch(/^<ul/);
    expect(html("> > > a")).toMatch(/^(<blockquote dir="ltr">){3}<p/);
  });
});
