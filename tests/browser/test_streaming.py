"""A reply is streamed word by word, and can be stopped."""

from __future__ import annotations

import uuid

from playwright.sync_api import expect

from tests import directives


def test_a_streaming_reply_has_a_cursor_and_is_complete_at_the_end(tab, system):
    with directives.held(system, at=5) as hold:
        tab.send(hold.ask)
        reply = tab.text(tab.replies.last)
        expect(reply).to_have_text("echo: please w0 w1 w2")
        cursor = "element => getComputedStyle(element.lastElementChild, '::after').animationName"
        assert reply.evaluate(cursor) == "blink"
    tab.expect_reply(hold.text)
    assert reply.evaluate(cursor) == "none"


def test_a_typing_indicator_is_shown_until_the_first_token(tab, system):
    with directives.held(system, at=0) as hold:
        tab.send(hold.ask)
        hold.wait()
        expect(tab.typing).to_be_visible()
        expect(tab.replies).to_have_count(0)
    tab.expect_reply(hold.text)
    expect(tab.typing).to_have_count(0)


def test_the_page_shows_that_the_model_is_loading(tab):
    tab.send(f"[[status=503 estimated=1 times=1 name={uuid.uuid4()}]] please")
    expect(tab.log).to_contain_text("The model is loading or busy; the reply will come")
    tab.expect_reply("echo: please")
    expect(tab.log).not_to_contain_text("busy")


def test_stop_replaces_send_during_a_reply_and_keeps_the_partial_text(tab, system):
    with directives.held(system, at=4) as hold:
        expect(tab.button("Send")).to_be_visible()
        expect(tab.button("Stop")).to_have_count(0)
        tab.send(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0 w1")
        expect(tab.button("Send")).to_have_count(0)
        tab.button("Stop").click()
        hold.wait_closed()
        expect(tab.replies.last).to_contain_text("Stopped")
    tab.expect_reply("echo: please w0 w1")
    expect(tab.button("Stop")).to_have_count(0)
    expect(tab.button("Send")).to_be_visible()
    expect(tab.field).to_be_focused()


def test_a_message_sent_during_a_reply_is_queued(tab, system):
    with directives.held(system, at=2) as hold:
        tab.send(hold.ask)
        hold.wait()
        for word in ("second", "third"):
            tab.send(word)
        expect(tab.messages).to_have_count(3)
        for number in (1, 2):
            expect(tab.messages.nth(number)).to_contain_text("Waiting its turn")
        expect(tab.messages.nth(0)).not_to_contain_text("Waiting its turn")
    expect(tab.text(tab.replies)).to_have_text([hold.text, "echo: second", "echo: third"])
    expect(tab.log.get_by_text("Waiting its turn")).to_have_count(0)
    expect(tab.log.get_by_role("heading", level=2)).to_have_text(["You", "Bot"] * 3)


def test_a_reload_during_a_reply_loses_nothing(tab, system):
    with directives.held(system, at=6) as hold:
        tab.send(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0 w1 w2 w3")
        tab.page.reload()
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0 w1 w2 w3")
    tab.expect_reply(hold.text)
    expect(tab.messages).to_have_count(1)
    expect(tab.replies).to_have_count(1)


def test_two_tabs_show_the_same_chat(tab, system):
    other = tab.another()
    other.expect_connected()
    with directives.held(system, at=3) as hold:
        tab.send(hold.ask)
        for each in (tab, other):
            expect(each.text(each.replies)).to_have_text(["echo: please w0"])
        other.send("from the other tab")
        expect(tab.messages.nth(1)).to_contain_text("Waiting its turn")
    for each in (tab, other):
        expect(each.text(each.replies)).to_have_text([hold.text, "echo: from the other tab"])
        expect(each.messages).to_have_count(2)


def test_a_reply_can_be_stopped_from_another_tab(tab, system):
    other = tab.another()
    with directives.held(system, at=3) as hold:
        tab.send(hold.ask)
        expect(other.text(other.replies)).to_have_text(["echo: please w0"])
        other.button("Stop").click()
        expect(tab.replies.last).to_contain_text("Stopped")
    expect(tab.button("Send")).to_be_visible()


def test_nothing_is_animated_with_reduced_motion(visit, system):
    tab = visit(reduced_motion="reduce").start_chat()
    moves = "element => element.getAnimations({subtree: true}).length"
    with directives.held(system, at=0) as silent:
        tab.send(silent.ask)
        expect(tab.typing).to_be_visible()
        assert tab.log.evaluate(moves) == 0
    tab.expect_reply(silent.text)
    with directives.held(system, at=3) as hold:
        tab.send(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0")
        assert tab.log.evaluate(moves) == 0
