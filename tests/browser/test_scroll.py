"""The view follows a stream, unless the reader has scrolled up."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import directives as asks

LONG = 900  # words; the stream stands still in the middle
AT_END = "box => Math.abs(box.scrollHeight - box.clientHeight - box.scrollTop) < 2"
TOP = "box => box.scrollTop"


@pytest.fixture
def tab(visit):
    return visit(viewport={"width": 360, "height": 500}).start_chat()


def until_half(tab, hold):
    tab.say(hold.ask)
    expect(tab.text(tab.replies.last)).to_contain_text(f"w{LONG // 2 - 3}")


def test_the_view_follows_the_stream(tab, system):
    with asks.held(system, at=LONG // 2, number=LONG) as hold:
        until_half(tab, hold)
        assert tab.log.evaluate("box => box.scrollTop > box.clientHeight")
        assert tab.log.evaluate(AT_END)
    tab.expect_reply(hold.text)
    expect(tab.button("Retry")).to_be_in_viewport()
    assert tab.log.evaluate(AT_END)


def test_a_reader_who_has_scrolled_up_stays_there(tab, system):
    with asks.held(system, at=LONG // 2, number=LONG) as hold:
        until_half(tab, hold)
        tab.log.hover()
        tab.page.mouse.wheel(0, -400)
        expect(tab.button("To the end ↓")).to_be_visible()
        read = tab.log.evaluate(TOP)
    tab.expect_reply(hold.text)
    assert tab.log.evaluate(TOP) == read
    tab.button("To the end ↓").click()
    expect(tab.log).to_be_focused()
    expect(tab.button("Retry")).to_be_in_viewport()
    expect(tab.button("To the end ↓")).to_have_count(0)
    assert tab.log.evaluate(AT_END)


def test_who_says_something_is_taken_to_the_end(tab, system):
    tab.ask(asks.words(LONG))
    tab.log.hover()
    tab.page.mouse.wheel(0, -400)
    expect(tab.button("To the end ↓")).to_be_visible()
    tab.ask("and now?")
    expect(tab.replies.last).to_be_in_viewport()
    expect(tab.button("To the end ↓")).to_have_count(0)
