"""While the network is unavailable, messages and drafts are stored."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.clients import history


def go_offline(tab):
    tab.visitor.context.set_offline(True)
    expect(tab.status).to_have_text("Offline")


def go_online(tab):
    tab.visitor.context.set_offline(False)


def stored(system, token):
    """Return the human messages that the server has stored."""
    messages = history(system.web.url, token)
    return [message["msg"] for message in messages if "reply_to" not in message]


def test_messages_written_offline_are_sent_in_order_when_online(tab, system):
    words = ["one", "two", "three"]
    go_offline(tab)
    expect(tab.button("Try now")).to_be_visible()
    for word in words:
        tab.send(word)
    expect(tab.unsent).to_have_count(3)
    for number, word in enumerate(words):
        expect(tab.unsent.nth(number)).to_contain_text(word)
        expect(tab.unsent.nth(number)).to_contain_text("Waiting to be sent")
    go_online(tab)
    tab.expect_connected()
    expect(tab.text(tab.replies)).to_have_text([f"echo: {word}" for word in words])
    expect(tab.unsent).to_have_count(0)
    assert stored(system, tab.entry()["token"]) == [f"Human: {word}" for word in words]


def test_messages_written_offline_are_sent_after_the_tab_was_closed(tab, system):
    go_offline(tab)
    for word in ("one", "two"):
        tab.send(word)
    expect(tab.unsent).to_have_count(2)
    token, address = tab.entry()["token"], tab.page.url
    tab.page.close()
    go_online(tab)
    later = tab.visitor.open(address)
    expect(later.text(later.replies)).to_have_text(["echo: one", "echo: two"])
    assert stored(system, token) == ["Human: one", "Human: two"]


def test_an_unsent_message_is_sent_once_even_if_two_tabs_have_it(tab, system):
    go_offline(tab)
    tab.send("only once")
    other = tab.visitor.context.new_page()
    go_online(tab)
    other.goto(tab.page.url)
    tab.expect_reply("echo: only once")
    expect(other.get_by_role("article")).to_have_count(2)
    expect(tab.messages).to_have_count(1)
    assert stored(system, tab.entry()["token"]) == ["Human: only once"]


def test_an_unsent_message_can_be_edited(tab, system):
    go_offline(tab)
    tab.send("a hasty word")
    tab.unsent.get_by_role("button", name="Edit").click()
    expect(tab.field).to_have_value("a hasty word")
    expect(tab.field).to_be_focused()
    expect(tab.unsent).to_have_count(0)
    tab.send("a kind word")
    go_online(tab)
    tab.expect_reply("echo: a kind word")
    assert stored(system, tab.entry()["token"]) == ["Human: a kind word"]


def test_a_draft_is_kept_after_a_reload(tab):
    tab.field.fill("Dear model,")
    tab.page.reload()
    expect(tab.field).to_have_value("Dear model,")


def test_the_page_shows_why_a_chat_cannot_be_started_offline(visit):
    tab = visit()
    tab.visitor.context.set_offline(True)
    tab.name.fill("Ada")
    tab.button("Start chat").click()
    expect(tab.page.get_by_role("alert")).to_have_text(
        "The server cannot be reached. Are you online?"
    )
    go_online(tab)
    tab.start_chat()
