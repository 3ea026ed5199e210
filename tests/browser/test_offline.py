"""The network goes away, and what is written stays."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.clients import history


def go_offline(tab):
    tab.visitor.context.set_offline(True)
    expect(tab.status).to_have_text("Offline")


def go_online(tab):
    tab.visitor.context.set_offline(False)


def stored(system, token):
    """Return the messages of people that the server has."""
    said = history(system.web.url, token)
    return [message["msg"] for message in said if "reply_to" not in message]


def test_what_is_written_offline_waits_and_is_sent_in_turn(tab, system):
    words = ["one", "two", "three"]
    go_offline(tab)
    expect(tab.button("Try now")).to_be_visible()
    for word in words:
        tab.say(word)
    expect(tab.unsent).to_have_count(3)
    for number, word in enumerate(words):
        expect(tab.unsent.nth(number)).to_contain_text(word)
        expect(tab.unsent.nth(number)).to_contain_text("Waiting to be sent")
    go_online(tab)
    tab.expect_connected()
    expect(tab.text(tab.replies)).to_have_text([f"echo: {word}" for word in words])
    expect(tab.unsent).to_have_count(0)
    assert stored(system, tab.entry()["token"]) == [f"Human: {word}" for word in words]


def test_what_is_written_offline_outlives_its_tab(tab, system):
    go_offline(tab)
    for word in ("one", "two"):
        tab.say(word)
    expect(tab.unsent).to_have_count(2)
    token, address = tab.entry()["token"], tab.page.url
    tab.page.close()
    go_online(tab)
    later = tab.visitor.open(address)
    expect(later.text(later.replies)).to_have_text(["echo: one", "echo: two"])
    assert stored(system, token) == ["Human: one", "Human: two"]


def test_what_waits_is_sent_once_though_two_tabs_hold_it(tab, system):
    go_offline(tab)
    tab.say("only once")
    other = tab.visitor.context.new_page()
    go_online(tab)
    other.goto(tab.page.url)
    tab.expect_reply("echo: only once")
    expect(other.get_by_role("article")).to_have_count(2)
    expect(tab.said).to_have_count(1)
    assert stored(system, tab.entry()["token"]) == ["Human: only once"]


def test_what_waits_can_be_taken_back(tab, system):
    go_offline(tab)
    tab.say("a hasty word")
    tab.unsent.get_by_role("button", name="Edit").click()
    expect(tab.field).to_have_value("a hasty word")
    expect(tab.field).to_be_focused()
    expect(tab.unsent).to_have_count(0)
    tab.say("a kind word")
    go_online(tab)
    tab.expect_reply("echo: a kind word")
    assert stored(system, tab.entry()["token"]) == ["Human: a kind word"]


def test_a_draft_outlives_its_tab(tab):
    tab.field.fill("Dear model,")
    tab.page.reload()
    expect(tab.field).to_have_value("Dear model,")


def test_a_chat_cannot_be_started_offline_and_the_page_says_why(visit):
    tab = visit()
    tab.visitor.context.set_offline(True)
    tab.name.fill("Ada")
    tab.button("Start chat").click()
    expect(tab.page.get_by_role("alert")).to_have_text(
        "The server cannot be reached. Are you online?"
    )
    go_online(tab)
    tab.start_chat()
