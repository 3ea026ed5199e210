"""The last reply can be continued, and the last message edited; a thinking model is shown."""

from __future__ import annotations

from playwright.sync_api import expect

from tests import directives
from tests.clients import history
from tests.standin import MODEL


def test_a_reply_that_was_cut_is_continued_in_every_tab(tab):
    other = tab.another()
    tab.send(directives.cut(4, number=4))
    tab.expect_reply("echo: please w0 w1")
    expect(tab.replies.last).to_contain_text("Cut at the model's limit")
    tab.button("Continue").click()
    tab.expect_reply("echo: please w0 w1 w2 w3")
    other.expect_reply("echo: please w0 w1 w2 w3")
    expect(tab.log).not_to_contain_text("Cut at")
    expect(tab.replies).to_have_count(1)
    for each in (tab, other):
        expect(each.button("Continue")).to_have_count(0)
        expect(each.button("Retry")).to_have_count(1)


def test_a_stopped_reply_is_continued_and_its_text_stays_meanwhile(tab, system):
    with directives.held(system, at=3) as hold:
        tab.send(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0")
        tab.button("Stop").click()
        expect(tab.replies.last).to_contain_text("Stopped")
        hold.forget()
        tab.button("Continue").click()
        expect(tab.log).to_be_focused()
        hold.wait()
        expect(tab.text(tab.replies.last)).to_have_text("echo: please w0")
        expect(tab.replies.last).to_have_attribute("aria-busy", "true")
        expect(tab.button("Stop")).to_be_visible()
        hold.release()
        tab.expect_reply(hold.text)


def test_the_model_that_answered_is_named(tab):
    expect(tab.ask("hello").locator("footer")).to_contain_text(MODEL)


def test_the_last_message_is_edited_and_answered_again(tab):
    other = tab.another()
    tab.ask("first")
    tab.ask("second")
    expect(tab.button("Edit")).to_have_count(1)
    tab.button("Edit").click()
    field = tab.page.get_by_label("Edit your message")
    expect(field).to_be_focused()
    expect(field).to_have_value("second")
    field.fill("third")
    field.press("Enter")
    tab.expect_reply("echo: third")
    expect(tab.log).to_be_focused()
    for each in (tab, other):
        expect(each.text(each.replies)).to_have_text(["echo: first", "echo: third"])
        expect(each.messages.locator(".message-text")).to_have_text(["first", "third"])
    tab.page.reload()
    expect(tab.text(tab.replies)).to_have_text(["echo: first", "echo: third"])


def test_escape_cancels_an_edit(tab):
    tab.ask("hello")
    tab.button("Edit").click()
    field = tab.page.get_by_label("Edit your message")
    field.fill("goodbye")
    field.press("Escape")
    expect(field).to_have_count(0)
    expect(tab.messages).to_contain_text("hello")
    tab.button("Edit").click()
    expect(field).to_have_value("hello")
    tab.button("Cancel").click()
    tab.expect_reply("echo: hello")


def test_all_lines_of_a_long_message_are_seen_while_it_is_edited(tab):
    text = "a long line " * 20 + "\nand a short one"
    tab.ask(text)
    tab.button("Edit").click()
    field = tab.page.get_by_label("Edit your message")
    assert field.evaluate("element => element.scrollHeight <= element.clientHeight")


def test_an_edit_that_is_refused_keeps_its_text(tab):
    tab.ask("hello")
    tab.button("Edit").click()
    field = tab.page.get_by_label("Edit your message")
    field.fill("x" * 4001)
    tab.button("Send again").click()
    expect(tab.page.locator("p.notice")).to_contain_text("too long")
    expect(field).to_be_focused()
    expect(field).to_have_value("x" * 4001)
    tab.expect_reply("echo: hello")
    field.fill("short")
    field.press("Enter")
    tab.expect_reply("echo: short")


def test_the_old_reply_is_back_after_a_retry_that_failed_with_the_reason(tab):
    tab.send(directives.answered_once("status=422"))
    tab.expect_reply("echo: please")
    tab.button("Retry").click()
    expect(tab.page.locator("p.notice")).to_contain_text("The earlier reply is kept.")
    tab.expect_reply("echo: please")
    expect(tab.replies).to_have_count(1)


def test_a_model_that_thinks_is_shown_until_there_is_text(tab, system):
    with directives.held(system, at=0) as hold:
        tab.send(hold.ask)
        hold.wait()
        token = tab.entry()["token"]
        human, reply = history(system.web.url, token)
        directives.publish_thinking(system, token, reply["id"], human["id"])
        expect(tab.log).to_contain_text("The model is thinking")
        hold.release()
        tab.expect_reply(hold.text)
        expect(tab.log).not_to_contain_text("thinking")
