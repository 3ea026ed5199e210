// Texts of models that repeat themselves. Each is rendered in tens of milliseconds. Without the bounds
// it takes many seconds, or throws.

import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";

import { Markdown } from "../src/page/markdown";
import { parse } from "../src/page/markdown-parser";

// In ms of CPU time: other processes on a busy machine do not count.
const MAX_DURATION = 2_000;
const SIZE = 50_000; // characters

function html(text: string): string {
  return renderToStaticMarkup(<Markdown text={text} />);
}

/** Return the text that a reader sees. */
function visibleText(text: string): string {
  return html(text)
    .replace(/<[^>]*>/g, "")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&#x27;/g, "'")
    .replace(/&amp;/g, "&");
}

/** Render a text, with limits for the time and the size of the HTML. */
function expectQuick(text: string): void {
  const start = process.cpuUsage();
  const rendered = html(text);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1_000).toBeLessThan(MAX_DURATION);
  expect(rendered.length).toBeLessThan(30 * SIZE);
}

/** Repeat a unit up to a size in characters. */
function repeat(unit: string, size = SIZE): string {
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

describe("a repeated text", () => {
  it.each(UNITS)("%j is rendered quickly", (unit) => {
    expectQuick(repeat(unit));
    expectQuick(`a ${repeat(unit, SIZE / 4)}b`);
  });

  it("two alternating characters are rendered quickly", () => {
    const marks = [..."[]()*_`~<>!&\\|@:#-\n "];
    for (const one of marks) for (const other of marks) expectQuick(repeat(one + other, 5_000));
  }, 60_000);

  it.each([
    ["*", "*"], ["_", "_"], ["**a ", " b**"], ["*a ", " b*"], ["~~a ", " b~~"], ["[", "](a)"],
    ["![", "](a)"], ["[", "]"], ["[a ", " b](c)"], ["<b>", "</b>"], ["`", " `"], ["(", ")"], ["*a **b ", " c** d*"],
  ])("%j nested is rendered quickly", (open, close) => {
    for (const depth of [30, 1_000, SIZE / (open.length + close.length)])
      expectQuick(`${open.repeat(depth)}x${close.repeat(depth)}`);
  });

  it.each([">", "> ", "- ", "1. ", "  ", "#", "`", "*", "[", "|", "~"])("%j in growing number is rendered quickly", (unit) => {
    let text = "";
    for (let n = 0; text.length < SIZE; n++) text += `${unit.repeat(n)} a\n`;
    expectQuick(text);
  });

  it.each(["- a", "1. a", "* > a", "- - a"])("%j nested ever deeper is rendered quickly", (item) => {
    let text = "";
    for (let n = 0; text.length < SIZE; n++) text += `${"   ".repeat(n)}${item}\n`;
    expectQuick(text);
  });

  it.each([[300, 300], [650, 650], [5_000, 5_000], [20_000, 10_000], [2, 20_000], [1_000, 50]])(
    "a table of %i columns and %i short rows is rendered quickly",
    (columns, rows) => {
      for (const row of ["|", "b", "| |"]) {
        expectQuick(table(columns, rows, row));
        expectQuick(`- ${table(columns, rows, row).replaceAll("\n", "\n  ")}`);
        expectQuick(`> ${table(columns, rows, row).replaceAll("\n", "\n> ")}`);
      }
    },
  );

  it("many tables are rendered quickly", () => {
    expectQuick(repeat(`${table(30, 30, "|")}\n`));
    expectQuick(repeat(`${table(3, 2, "|b|c|d|")}\n`));
  });

  it("many links to one definition are rendered quickly", () => {
    expectQuick(`[a]: ${"b".repeat(SIZE / 2)}\n\n${repeat("[a]", SIZE / 2)}`);
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
  ])("the text is complete: %.20s", (text) => {
    const withoutSpaces = (value: string) => value.replace(/\s/g, "");
    // The characters that became nested quotes and lists are not part of the visible text.
    expect(withoutSpaces(text).length - withoutSpaces(visibleText(text)).length).toBeLessThan(80);
  });

  it("only the block beyond the bound is plain text", () => {
    const rendered = html(`**before**\n\n${table(300, 300, "|")}\n**after**\n\n${"[".repeat(2_000)}\n\n- *end*`);
    for (const part of ["<strong>before</strong>", "<strong>after</strong>", "<em>end</em>"])
      expect(rendered).toContain(part);
    expect(rendered).not.toContain("<table");
  });

  it("the text after a deep list comes after it", () => {
    const deep = Array.from({ length: 30 }, (_, n) => `${"  ".repeat(n)}- a${n}`).join("\n");
    const { blocks } = parse(`${deep}\n\n**after**`);
    expect(blocks.map(({ node }) => node.type)).toEqual(["bullet_list", "paragraph"]);
    expect(visibleText(deep)).toContain("a29");
  });

  it("the end of a long text is rendered", () => {
    const text = `${repeat("**word** word\n\n", 250_000)}end`;
    expectQuick(text);
    expect(visibleText(text)).toMatch(/end$/);
    expect(html(text)).toContain("<strong>word</strong>");
  });

  it("a table, a list and a quote of usual size are rendered as such", () => {
    expect(html(table(8, 300, "|b|c|").trim())).toContain("<table>");
    expect(html("- a\n".repeat(1_000))).toMatch(/^<ul/);
    expect(html("> > > a")).toMatch(/^(<blockquote dir="ltr">){3}<p/);
  });
});
