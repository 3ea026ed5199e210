"""The page can be used with the keyboard alone."""

from __future__ import annotations

from playwright.sync_api import expect

from tests import directives

MAX_STEPS = 40


def go_to(tab, name, key="Tab"):
    """Press a key until a button or link has the focus, and check that the focus is visible."""
    for _ in range(MAX_STEPS):
        focused = tab.page.locator(":focus")
        if focused.count() and focused.inner_text().strip() == name:
            outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
            assert outline != "none"
            return
        tab.page.keyboard.press(key)
    raise AssertionError(f"{name} is not reached with {key}")


def test_enter_sends_and_shift_enter_adds_a_line(tab):
    keyboard = tab.page.keyboard
    keyboard.type("one")
    keyboard.press("Shift+Enter")
    keyboard.type("two")
    expect(tab.field).to_have_value("one\ntwo")
    keyboard.press("Enter")
    tab.expect_reply("echo: one\ntwo")
    expect(tab.messages.last.locator(".message-text")).to_have_text("one\ntwo", use_inner_text=True)
    expect(tab.field).to_have_value("")
    keyboard.press("Enter")
    keyboard.type("   ")
    keyboard.press("Enter")
    tab.ask("after")
    expect(tab.messages).to_have_count(2)


def test_everything_can_be_done_without_a_mouse(visit, system):
    tab = visit()
    keyboard = tab.page.keyboard
    expect(tab.name).to_be_focused()
    keyboard.type("Ada")
    keyboard.press("Enter")
    tab.expect_connected()
    with directives.held(system, at=3) as hold:
        keyboard.type(hold.ask)
        keyboard.press("Enter")
        expect(tab.text(tab.replies)).to_have_text(["echo: please w0"])
        go_to(tab, "Stop")
        keyboard.press("Enter")
        expect(tab.replies.last).to_contain_text("Stopped")
        expect(tab.field).to_be_focused()
    go_to(tab, "Retry", "Shift+Tab")
    keyboard.press("Enter")
    expect(tab.log).to_be_focused()
    tab.expect_reply(hold.text)
    go_to(tab, "Copy", "Shift+Tab")
    keyboard.press("Enter")
    expect(tab.button("Copied")).to_be_visible()
    go_to(tab, "New chat", "Shift+Tab")
    keyboard.press("Enter")
    expect(tab.field).to_be_focused()
    go_to(tab, "Erase", "Shift+Tab")
    keyboard.press("Enter")
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    expect(tab.button("Erase")).to_be_focused()
    keyboard.press("Enter")
    go_to(tab, "Erase it")
    keyboard.press("Enter")
    expect(tab.name).to_be_focused()
    expect(tab.page.get_by_role("link")).to_have_count(1)
    go_to(tab, tab.page.get_by_role("link").inner_text().strip())
    keyboard.press("Enter")
    tab.expect_reply(hold.text)


def test_the_messages_can_be_scrolled_with_keys(visit):
    tab = visit(viewport={"width": 800, "height": 400}).start_chat()
    tab.ask(directives.words(900))
    tab.log.focus()
    tab.page.keyboard.press("Home")
    expect(tab.button("To the end ↓")).to_be_visible()
    expect(tab.messages.first).to_be_in_viewport()
    tab.page.keyboard.press("End")
    expect(tab.button("To the end ↓")).to_have_count(0)
    expect(tab.button("Retry")).to_be_in_viewport()
