"""A chat stays usable after a repetitive reply, and after an error in the page."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests import directives

# The longest task of the page, during which nobody can type. It takes about 200 ms on an idle
# machine. Without the bounds it takes many seconds, or never ends.
MAX_LONG_TASK = 10_000  # ms
WATCH = """
    window.longest = 0;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries())
        window.longest = Math.max(window.longest, duration);
    }).observe({ type: "longtask", buffered: true });
"""


def repeat(number: int, text: str, before: str = "x") -> str:
    return f"[[repeat={number}:{quote(text, safe='')}]] {before}"


def table(columns: int, rows: int) -> str:
    head = f"|{'a|' * columns}\n|{'-|' * columns}\n"
    return repeat(rows, "|\n", f"x\n\n{head}|")


REPETITIONS = [
    repeat(3_000, ">"),
    repeat(5_000, "> "),
    repeat(3_333, "1. "),
    repeat(20_000, "- a\n"),
    repeat(20_000, "["),
    repeat(10_000, "[a]("),
    repeat(15_000, "*a "),
    repeat(5_000, "a\n\n"),
    repeat(2_000, "```a\n```\n"),
    repeat(100_000, "a"),
    repeat(50_000, "א"),
    repeat(12_000, "f'{", "x\n```python"),
    repeat(45_000, "a", "x\n```sql"),
    table(300, 300),
    table(650, 650),
]


@pytest.mark.parametrize("ask", REPETITIONS, ids=lambda ask: ask[2:40])
def test_a_chat_can_be_continued_after_a_repetitive_reply(tab, ask):
    tab.page.evaluate(WATCH)
    tab.ask(ask)
    for _ in range(2):
        tab.ask("and on")
        tab.expect_reply("echo: and on")
        assert tab.page.evaluate("window.longest") < MAX_LONG_TASK
        tab.page.reload()
        tab.page.evaluate(WATCH)
        tab.expect_connected()
        expect(tab.replies.first).to_contain_text("echo: x")


def test_code_on_which_the_highlighter_hangs_has_no_colours_and_later_code_has(tab):
    tab.ask(repeat(45_000, "a", "x\n```sql"))
    reply = tab.ask("look:\n\n```python\ndef double(n):\n    return n\n```")
    expect(reply.locator(".hljs-keyword").first).to_have_text("def")


# Throw an error when the page creates an element with the name `window.faulty`.
FAULT = """() => {
    const make = document.createElement;
    document.createElement = function (name, ...rest) {
      if (name === window.faulty) throw new Error("an error of the test");
      return make.call(this, name, ...rest);
    };
}"""


def test_a_reply_that_cannot_be_rendered_is_shown_as_plain_text(tab):
    tab.page.evaluate(FAULT)
    tab.page.evaluate("window.faulty = 'em'")
    reply = tab.ask("**bold** and *slanted*")
    expect(tab.text(reply)).to_have_text("echo: **bold** and *slanted*")
    expect(reply.get_by_role("button", name="Copy")).to_be_visible()
    other = tab.ask("**bold** alone")
    expect(other.locator("strong")).to_have_text("bold")


def test_a_reply_that_could_not_be_rendered_is_rendered_again_when_it_grows(tab, system):
    tab.page.evaluate(FAULT)
    tab.page.evaluate("window.faulty = 'em'")
    with directives.held(system, at=4, text="*slanted* words") as hold:
        tab.send(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text("echo: *slanted* words w0")
        tab.page.evaluate("window.faulty = ''")
    expect(tab.replies.last.locator("em")).to_have_text("slanted")


def test_after_another_error_the_chat_can_be_saved_from_the_error_page(tab):
    tab.ask("remember me")
    tab.page.add_init_script(f"({FAULT})(); window.faulty = sessionStorage.faulty")
    tab.page.evaluate("sessionStorage.faulty = 'header'")
    tab.page.reload()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("This page has failed")
    with tab.page.expect_download() as download:
        tab.button("Save this chat").click()
    transcript = download.value.path().read_text()
    assert "## Ada" in transcript
    assert "## Bot" in transcript
    assert "echo: remember me" in transcript
    tab.page.evaluate("sessionStorage.faulty = ''")
    tab.button("Load again").click()
    expect(tab.replies.first).to_contain_text("echo: remember me")
