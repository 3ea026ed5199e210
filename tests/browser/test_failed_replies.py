"""A reply that failed, or that the person does not like, can be requested again."""

from __future__ import annotations

from playwright.sync_api import expect

from tests import directives

REASON = "The model could not answer this message."


def test_a_failed_reply_shows_the_reason_and_can_be_retried(tab, system):
    tab.send(directives.fails_once(system))
    expect(tab.replies.last).to_contain_text(REASON)
    tab.button("Retry").click()
    tab.expect_reply("echo: please")
    expect(tab.replies).to_have_count(1)
    expect(tab.log).not_to_contain_text(REASON)


def test_only_the_last_reply_can_be_retried(tab, system):
    tab.ask("first")
    with directives.held(system, at=3) as hold:
        tab.send(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0")
        tab.button("Stop").click()
        expect(tab.replies.last).to_contain_text("Stopped")
        expect(tab.replies.first.get_by_role("button", name="Retry")).to_have_count(0)
        hold.forget()
        tab.replies.last.get_by_role("button", name="Retry").click()
        hold.wait()
        expect(tab.log).not_to_contain_text("Stopped")
        expect(tab.button("Retry")).to_have_count(0)
    expect(tab.text(tab.replies)).to_have_text(["echo: first", hold.text])
    expect(tab.messages).to_have_count(2)


def test_the_message_of_an_earlier_failed_reply_can_be_sent_again(tab, system):
    tab.send(directives.fails_once(system))
    expect(tab.replies.last).to_contain_text(REASON)
    tab.ask("something else")
    tab.button("Ask again").click()
    expect(tab.replies).to_have_count(3)
    tab.expect_reply("echo: please")
    expect(tab.replies.first).to_contain_text(REASON)


def test_a_message_that_is_too_long_stays_with_the_reason_and_can_be_edited(tab):
    tab.send("x" * 4001)
    expect(tab.unsent).to_contain_text("Not sent")
    expect(tab.unsent.get_by_role("alert")).to_contain_text("too long")
    tab.ask("the next one goes on")
    tab.unsent.get_by_role("button", name="Try again").click()
    expect(tab.log).to_be_focused()
    expect(tab.unsent).to_contain_text("Not sent")
    tab.unsent.get_by_role("button", name="Edit").click()
    expect(tab.field).to_have_value("x" * 4001)
    tab.send("short")
    tab.expect_reply("echo: short")
    expect(tab.unsent).to_have_count(0)
