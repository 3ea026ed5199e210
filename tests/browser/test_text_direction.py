"""Right-to-left text is aligned to the right, block by block."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

ARABIC = "مرحبا بالعالم!"
HEBREW = "שלום עולם!"

# The distances of a block's text from the sides of the block, and the block's direction.
LINE = """element => {
  const range = document.createRange();
  range.selectNodeContents(element);
  const line = range.getBoundingClientRect();
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  return {direction: style.direction, left: line.left - box.left, right: box.right - line.right};
}"""

# The sides of each line of a text.
LINES = """element => {
  const range = document.createRange();
  const end = element.firstChild.data.indexOf("\\n");
  return [[0, end], [end + 1, element.firstChild.data.length]].map(([from, to]) => {
    range.setStart(element.firstChild, from);
    range.setEnd(element.firstChild, to);
    const {left, right} = range.getBoundingClientRect();
    return {left, right};
  });
}"""

REPLY = """x

{text}

hello, world!

{text} hello

hello {text}

# {text}

> {text}

- {text}
- hello

1. {text}

   {text}

| {text} | b |
|---|---|
| hello | {text} |

`let x = 1;` {text}

```python
print("{text}")
```
"""


@pytest.mark.parametrize("text", [ARABIC, HEBREW], ids=["Arabic", "Hebrew"])
def test_each_block_of_a_reply_has_the_direction_of_its_text(tab, text):
    reply = tab.text(tab.ask(REPLY.format(text=text)))
    directions = "elements => elements.map(element => getComputedStyle(element).direction)"

    def expect_directions(blocks: str, *expected: str) -> None:
        assert reply.locator(blocks).evaluate_all(directions) == list(expected), blocks

    expect_directions(":scope > p", "ltr", "rtl", "ltr", "rtl", "ltr", "rtl")
    expect_directions("h3, blockquote, blockquote p, ul, ol, table", *["rtl"] * 6)
    expect_directions("ul > li", "rtl", "ltr")
    expect_directions("ol > li, ol p", *["rtl"] * 3)
    expect_directions("th", "rtl", "ltr")
    expect_directions("td", "ltr", "rtl")
    expect_directions("code, pre, figure", *["ltr"] * 4)

    for block in reply.locator(":scope > p, h3, blockquote p").all():
        line = block.evaluate(LINE)
        near, far = ("right", "left") if line["direction"] == "rtl" else ("left", "right")
        assert line[near] < 20 < line[far]

    # A list marker is on the side where its item's text begins, inside the column.
    column = reply.bounding_box()
    items = [item.bounding_box() for item in reply.locator("ul > li").all()]
    assert items[0]["x"] == column["x"]
    assert items[0]["width"] < column["width"] - 10
    assert items[1]["x"] > column["x"] + 10
    first, second = (cell.bounding_box() for cell in reply.locator("th").all())
    assert first["x"] > second["x"]


@pytest.mark.parametrize("text", [ARABIC, HEBREW], ids=["Arabic", "Hebrew"])
def test_what_a_person_writes_has_the_direction_of_its_text(visit, text):
    tab = visit().start_chat(name=text)
    tab.field.fill(text)
    assert tab.field.evaluate("element => getComputedStyle(element).direction") == "rtl"
    tab.field.fill("hello")
    assert tab.field.evaluate("element => getComputedStyle(element).direction") == "ltr"
    tab.ask(f"{text}\nhello, world, that is a longer line")
    text_element = tab.messages.last.locator(".message-text")
    assert text_element.evaluate(LINE)["direction"] == "rtl"
    first, second = text_element.evaluate(LINES)
    assert first["right"] == second["right"]  # the longer line is as wide as the box
    assert first["left"] > second["left"]
    for place in (tab.page.get_by_role("heading", level=1), tab.page.locator(".chats .title")):
        expect(place).to_contain_text(text)
        assert place.evaluate("element => getComputedStyle(element).direction") == "rtl"
