"""The message list follows a growing reply, unless the reader has scrolled up."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import directives

LONG = 900  # words; the stream is held in the middle
AT_END = "box => Math.abs(box.scrollHeight - box.clientHeight - box.scrollTop) < 2"
TOP = "box => box.scrollTop"


@pytest.fixture
def tab(visit):
    return visit(viewport={"width": 360, "height": 500}).start_chat()


def until_half(tab, hold):
    tab.send(hold.ask)
    expect(tab.text(tab.replies.last)).to_contain_text(f"w{LONG // 2 - 3}")


def test_the_list_follows_the_reply(tab, system):
    with directives.held(system, at=LONG // 2, number=LONG) as hold:
        until_half(tab, hold)
        assert tab.log.evaluate("box => box.scrollTop > box.clientHeight")
        assert tab.log.evaluate(AT_END)
    tab.expect_reply(hold.text)
    expect(tab.button("Retry")).to_be_in_viewport()
    assert tab.log.evaluate(AT_END)


def test_the_list_stays_where_the_reader_has_scrolled_up(tab, system):
    with directives.held(system, at=LONG // 2, number=LONG) as hold:
        until_half(tab, hold)
        tab.log.hover()
        tab.page.mouse.wheel(0, -400)
        expect(tab.button("To the end ↓")).to_be_visible()
        top = tab.log.evaluate(TOP)
    tab.expect_reply(hold.text)
    assert tab.log.evaluate(TOP) == top
    tab.button("To the end ↓").click()
    expect(tab.log).to_be_focused()
    expect(tab.button("Retry")).to_be_in_viewport()
    expect(tab.button("To the end ↓")).to_have_count(0)
    assert tab.log.evaluate(AT_END)


def test_sending_a_message_scrolls_to_the_end(tab, system):
    tab.ask(directives.words(LONG))
    tab.log.hover()
    tab.page.mouse.wheel(0, -400)
    expect(tab.button("To the end ↓")).to_be_visible()
    tab.ask("and now?")
    expect(tab.replies.last).to_be_in_viewport()
    expect(tab.button("To the end ↓")).to_have_count(0)
