"""A reply comes, word by word, and one may stop it."""

from __future__ import annotations

import uuid

from playwright.sync_api import expect

from tests import directives as asks


def test_a_reply_streams_with_a_caret_and_stands_whole_in_the_end(tab, system):
    with asks.held(system, at=5) as hold:
        tab.say(hold.ask)
        reply = tab.text(tab.replies.last)
        expect(reply).to_have_text("echo: please w0 w1 w2")
        caret = "element => getComputedStyle(element.lastElementChild, '::after').animationName"
        assert reply.evaluate(caret) == "blink"
    tab.expect_reply(hold.text)
    assert reply.evaluate(caret) == "none"


def test_the_model_is_silent_and_a_sign_says_that_a_reply_will_come(tab, system):
    with asks.held(system, at=0) as hold:
        tab.say(hold.ask)
        hold.wait()
        expect(tab.typing).to_be_visible()
        expect(tab.replies).to_have_count(0)
    tab.expect_reply(hold.text)
    expect(tab.typing).to_have_count(0)


def test_the_page_says_when_the_model_is_loading(tab):
    tab.say(f"[[status=503 estimated=1 times=1 name={uuid.uuid4()}]] please")
    expect(tab.log).to_contain_text("The model is loading or busy; the reply will come")
    tab.expect_reply("echo: please")
    expect(tab.log).not_to_contain_text("busy")


def test_stop_stands_in_place_of_send_while_a_reply_comes_and_keeps_what_was_said(tab, system):
    with asks.held(system, at=4) as hold:
        expect(tab.button("Send")).to_be_visible()
        expect(tab.button("Stop")).to_have_count(0)
        tab.say(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0 w1")
        expect(tab.button("Send")).to_have_count(0)
        tab.button("Stop").click()
        hold.wait_closed()
        expect(tab.replies.last).to_contain_text("Stopped")
    tab.expect_reply("echo: please w0 w1")
    expect(tab.button("Stop")).to_have_count(0)
    expect(tab.button("Send")).to_be_visible()
    expect(tab.field).to_be_focused()


def test_a_message_written_while_a_reply_comes_waits_its_turn(tab, system):
    with asks.held(system, at=2) as hold:
        tab.say(hold.ask)
        hold.wait()
        for word in ("second", "third"):
            tab.say(word)
        expect(tab.said).to_have_count(3)
        for number in (1, 2):
            expect(tab.said.nth(number)).to_contain_text("Waiting its turn")
        expect(tab.said.nth(0)).not_to_contain_text("Waiting its turn")
    expect(tab.text(tab.replies)).to_have_text([hold.text, "echo: second", "echo: third"])
    expect(tab.log.get_by_text("Waiting its turn")).to_have_count(0)
    expect(tab.log.get_by_role("heading", level=2)).to_have_text(["You", "Bot"] * 3)


def test_the_page_is_loaded_again_in_mid_reply_and_misses_nothing(tab, system):
    with asks.held(system, at=6) as hold:
        tab.say(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0 w1 w2 w3")
        tab.page.reload()
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0 w1 w2 w3")
    tab.expect_reply(hold.text)
    expect(tab.said).to_have_count(1)
    expect(tab.replies).to_have_count(1)


def test_two_tabs_show_the_same(tab, system):
    other = tab.another()
    other.expect_connected()
    with asks.held(system, at=3) as hold:
        tab.say(hold.ask)
        for one in (tab, other):
            expect(one.text(one.replies)).to_have_text(["echo: please w0"])
        other.say("from the other tab")
        expect(tab.said.nth(1)).to_contain_text("Waiting its turn")
    for one in (tab, other):
        expect(one.text(one.replies)).to_have_text([hold.text, "echo: from the other tab"])
        expect(one.said).to_have_count(2)


def test_a_reply_that_is_stopped_in_one_tab_is_stopped_in_the_other(tab, system):
    other = tab.another()
    with asks.held(system, at=3) as hold:
        tab.say(hold.ask)
        expect(other.text(other.replies)).to_have_text(["echo: please w0"])
        other.button("Stop").click()
        expect(tab.replies.last).to_contain_text("Stopped")
    expect(tab.button("Send")).to_be_visible()


def test_who_wants_no_motion_gets_none(visit, system):
    tab = visit(reduced_motion="reduce").start_chat()
    moves = "element => element.getAnimations({subtree: true}).length"
    with asks.held(system, at=0) as silent:
        tab.say(silent.ask)
        expect(tab.typing).to_be_visible()
        assert tab.log.evaluate(moves) == 0
    tab.expect_reply(silent.text)
    with asks.held(system, at=3) as hold:
        tab.say(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0")
        assert tab.log.evaluate(moves) == 0
