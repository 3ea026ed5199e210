"""The chats of a browser: started, listed, exported, erased, ended."""

from __future__ import annotations

import re
from pathlib import Path

import requests
from playwright.sync_api import expect

from tests import directives
from tests.processes import wait_until

ENDED = "This chat has ended"


def status_of(system, token):
    """Return the HTTP status of a request for a session."""
    bearer = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{system.web.url}/refresh_token", headers=bearer, timeout=20).status_code


def expire(system, token):
    """Let a session expire now."""
    system.client.pexpire(token, 1)
    wait_until(lambda: not system.client.exists(token))


def test_the_input_field_has_the_focus_when_a_chat_opens(visit):
    tab = visit()
    expect(tab.name).to_be_focused()
    tab.start_chat()
    expect(tab.field).to_be_focused()
    tab.page.reload()
    expect(tab.field).to_be_focused()


def test_past_chats_are_listed_and_can_be_continued(tab, system):
    tab.ask("all about cats")
    with directives.held(system, at=3) as hold:
        tab.send(hold.ask)
        expect(tab.replies).to_have_count(2)
        tab.button("New chat").click()
        expect(tab.log).to_contain_text("Hello, Ada.")
        expect(tab.field).to_be_focused()
        tab.ask("all about dogs")
    chats = tab.page.get_by_role("navigation", name="Your chats").get_by_role("link")
    expect(chats).to_have_count(2)
    expect(chats.first).to_have_attribute("aria-current", "page")
    chats.filter(has_text="cats").click()
    tab.expect_reply(hold.text)
    tab.page.go_back()
    tab.expect_reply("echo: all about dogs")
    tab.page.goto(system.web.url)
    expect(chats).to_have_text([re.compile("dogs"), re.compile("cats")])
    expect(tab.name).to_have_value("Ada")
    chats.first.click()
    tab.expect_reply("echo: all about dogs")


def test_a_chat_is_exported_as_markdown(tab):
    tab.ask("some **bold** words")
    with tab.page.expect_download() as download:
        tab.button("Export").click()
    assert re.fullmatch(r"chat-\d{4}-\d\d-\d\dT\d{4}\.md", download.value.suggested_filename)
    exported = Path(download.value.path()).read_text()
    assert re.match(r"# Chat of Ada\n\nStarted \d{4}-", exported)
    assert re.search(r"## Ada · \d{4}-\S+\n\nsome \*\*bold\*\* words\n", exported)
    assert re.search(r"## Bot · \d{4}-\S+\n\necho: some \*\*bold\*\* words\n", exported)


def test_a_chat_is_erased_here_and_on_the_server_after_a_confirmation(tab, system):
    tab.ask("a secret")
    token, address = tab.entry()["token"], tab.page.url
    tab.button("Erase").click()
    tab.button("Keep it").click()
    assert status_of(system, token) == 200
    tab.button("Erase").click()
    tab.button("Erase it").click()
    expect(tab.name).to_be_visible()
    assert status_of(system, token) == 400
    storage = tab.page.evaluate("JSON.stringify(localStorage)")
    assert token not in storage
    assert "secret" not in storage
    tab.page.goto(address)
    expect(tab.page.get_by_role("heading", name="There is no chat here")).to_be_visible()


def test_an_erased_chat_is_also_closed_in_another_tab(tab):
    other = tab.another()
    other.expect_connected()
    tab.button("Erase").click()
    tab.button("Erase it").click()
    expect(other.page.get_by_role("heading", name="There is no chat here")).to_be_visible()


def test_an_expired_chat_shows_that_it_has_ended_and_enter_starts_a_new_one(tab, system):
    tab.ask("hello")
    address = tab.page.url
    expire(system, tab.entry()["token"])
    tab.page.reload()
    expect(tab.page.get_by_role("heading", name=ENDED)).to_be_visible()
    expect(tab.status).to_have_text("Ended")
    tab.page.keyboard.press("Enter")
    tab.expect_connected()
    assert tab.page.url != address
    expect(tab.field).to_be_focused()
    tab.ask("hello again")


def test_a_chat_that_ends_moves_its_unsent_messages_and_its_draft_to_the_new_one(tab, system):
    tab.ask("hello")
    tab.visitor.context.set_offline(True)
    tab.send("not sent yet")
    tab.field.fill("nor finished")
    expire(system, tab.entry()["token"])
    tab.visitor.context.set_offline(False)
    expect(tab.page.get_by_role("heading", name=ENDED)).to_be_visible()
    expect(tab.text(tab.replies)).to_have_text(["echo: hello"])
    expect(tab.button("Start again")).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(tab.text(tab.replies)).to_have_text(["echo: not sent yet"])
    expect(tab.field).to_have_value("nor finished")


def test_a_chat_that_is_erased_on_the_server_ends_at_once(tab, system):
    token = tab.entry()["token"]
    requests.delete(f"{system.web.url}/token", params={"token": token}, timeout=20)
    expect(tab.page.get_by_role("heading", name=ENDED)).to_be_visible()


def test_an_unknown_path_shows_that_there_is_no_chat_and_links_to_the_start(visit):
    tab = visit("/chat/nothing")
    expect(tab.page.get_by_role("heading", name="There is no chat here")).to_be_visible()
    tab.page.get_by_role("link", name="Go to the start").click()
    tab.start_chat()


def test_the_disclaimer_is_shown_once_and_is_no_dialog(tab, system):
    expect(tab.page.get_by_text("A model may say anything.")).to_have_count(1)
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
