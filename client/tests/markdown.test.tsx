import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";

import { highlightCode } from "../src/page/code-spans";
import { Markdown } from "../src/page/markdown";

function html(text: string): string {
  return renderToStaticMarkup(<Markdown text={text} />);
}

describe("hostile text", () => {
  it.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "<svg onload=alert(1)>",
    "<iframe src=//evil.example></iframe>",
    "<style>*{display:none}</style>",
    "```html\n<script>alert(1)</script>\n```",
    "a | b\n--|--\n<b onclick=alert(1)> | c",
  ])("is shown as text: %s", (text) => {
    const tags = html(text).match(/<\/?[a-z0-9]+/g) ?? [];
    const allowed = ["div", "p", "figure", "figcaption", "span", "button", "pre", "code", "table", "thead", "tbody", "tr", "th", "td"];
    for (const tag of tags) expect(allowed).toContain(tag.replace(/[</]+/, ""));
    expect(html(text)).toContain("&lt;");
  });

  it.each([
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x)",
    "<javascript:alert(1)>",
  ])("does not become an unsafe link: %s", (text) => {
    expect(html(text)).not.toMatch(/href/);
  });

  it("does not load images", () => {
    expect(html("![a cat](https://evil.example/cat.png)")).not.toMatch(/<img|src=/);
    expect(html("![a cat](https://evil.example/cat.png)")).toContain("a cat");
  });

  it("is highlighted as text in code", () => {
    expect(highlightCode("let x = '<script>'; // <b>", "js")).toEqual([
      ["hljs-keyword", "let"],
      ["", " x = "],
      ["hljs-string", "'<script>'"],
      ["", "; "],
      ["hljs-comment", "// <b>"],
    ]);
    expect(highlightCode("<b>", "no such language")).toBeNull();
  });
});

describe("Markdown", () => {
  it("opens links in a new tab without a referrer", () => {
    expect(html("[x](https://example.org)")).toContain('rel="noopener noreferrer nofollow"');
  });

  it("renders headings from level 3, and task lists without checkboxes", () => {
    expect(html("# One\n\n#### Four")).toMatch(/<h3 data-level="1" dir="auto">One<\/h3><h3 dir="auto">Four<\/h3>/);
    expect(html("- [x] done")).toContain("☑");
    expect(html("- [x] done")).not.toContain("<input");
  });

  it("renders each block of code with its language and a copy button", () => {
    const block = html("```python\nprint(1 < 2)\n```");
    expect(block).toContain("<span>python</span>");
    expect(block).toContain('aria-label="Copy code"');
    expect(block).toContain("print(1 &lt; 2)");
  });

  it("keeps footnotes, and a text of link definitions alone", () => {
    expect(html("so[^1] it is\n\n[^1]: word")).toContain("[^1]: word");
    expect(html("[a]: b")).toContain("[a]: b");
  });

  it("sets the direction of each block, which for code is always left-to-right", () => {
    expect(html("שלום")).toBe('<p dir="auto">שלום</p>');
    expect(html("- `code` שלום\n- hello")).toMatch(/^<ul dir="rtl"><li dir="rtl">.*<li dir="ltr">hello/);
    expect(html("- hello")).toMatch(/^<ul dir="ltr">/);
    expect(html("> 1. مرحبا")).toMatch(/^<blockquote dir="rtl"><ol dir="rtl"/);
    expect(html("| שם | b |\n|-|-|\n| 1 | c |")).toMatch(/^<div class="table"[^>]* dir="rtl">.*<td dir="auto">c/);
    expect(html("`code` שלום")).toContain('<code dir="ltr">');
    expect(html("```\nשלום\n```")).toMatch(/^<figure class="code" dir="ltr">/);
  });

  it("accepts a text that is cut anywhere", () => {
    const text = "# A\n\n**b** `c`\n\n```js\nlet d = 1;\n```\n\n| e | f |\n|---|---|\n| g | h |\n\n- [ ] i ![j](k) [l](m)";
    for (let end = 0; end <= text.length; end++) expect(() => html(text.slice(0, end))).not.toThrow();
  });
});
