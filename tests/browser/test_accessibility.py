"""Accessibility: axe finds no violation, and nothing is cut off on small screens."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import directives
from tests.browser.test_chats import ENDED, expire
from tests.browser.test_message_text import CODE
from tests.processes import ROOT

AXE = ROOT / "client" / "node_modules" / "axe-core" / "axe.min.js"
# High enough for a whole chat: axe does not check the contrast of text that is scrolled away.
WIDE = {"width": 1280, "height": 1800}
PHONE = {"width": 360, "height": 2400}
ENDLESS = f"{'x' * 300} https://example.org/{'y' * 300}\n\n```\n{'z' * 300}\n```"
TABLE = "t\n\n" + "\n".join(f"|{'| '.join(row * 9)}|" for row in (["head"], ["---"], ["cell"]))


def expect_no_violation(tab):
    tab.page.evaluate(AXE.read_text())
    found = tab.page.evaluate("axe.run()")
    assert found["passes"]
    violations = [(rule["id"], [n["html"] for n in rule["nodes"]]) for rule in found["violations"]]
    assert violations == []


def expect_nothing_cut_off(tab):
    for box in (tab.page.locator("html"), tab.log):
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    for element in (tab.status, tab.field, tab.button("New chat"), tab.button("Erase")):
        expect(element).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(visit, system, scheme, viewport):
    tab = visit(color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    expect(tab.name).to_be_visible()
    expect_no_violation(tab)

    tab.start_chat()
    reply = tab.ask(CODE)
    expect(reply.locator(".hljs-keyword").first).to_be_visible()
    tab.send(directives.fails_once(system))
    expect(tab.replies).to_have_count(2)
    with directives.held(system, at=6, text="a\n\n- b c") as hold:
        tab.send(hold.ask)
        expect(tab.replies.last.get_by_role("listitem")).to_contain_text("w0")
        tab.send("waits its turn")
        expect(tab.log).to_contain_text("Waiting its turn")
        tab.visitor.context.set_offline(True)
        tab.send("waits to be sent")
        expect(tab.unsent).to_be_visible()
        expect_no_violation(tab)
        tab.visitor.context.set_offline(False)
    expect(tab.replies).to_have_count(5)
    tab.button("Erase").click()
    expect_no_violation(tab)
    tab.button("Keep it").click()
    if viewport == PHONE:
        tab.button("Chats").click()
        expect(tab.page.get_by_role("navigation")).to_be_visible()
        expect_no_violation(tab)

    expire(system, tab.entry()["token"])
    tab.page.reload()
    expect(tab.page.get_by_role("heading", name=ENDED)).to_be_visible()
    expect_no_violation(tab)

    tab.page.goto(f"{system.web.url}/chat/nothing")
    expect(tab.page.get_by_role("heading", name="There is no chat here")).to_be_visible()
    expect_no_violation(tab)


@pytest.mark.parametrize("width", [320, 360])
def test_nothing_is_cut_off_on_a_phone(visit, width):
    tab = visit(viewport={"width": width, "height": 640}).start_chat(name="N" * 100)
    expect_nothing_cut_off(tab)
    tab.ask(ENDLESS)
    tab.ask(TABLE)
    tab.visitor.context.set_offline(True)
    tab.send("y" * 200)
    expect(tab.unsent).to_be_visible()
    expect_nothing_cut_off(tab)
    tab.visitor.context.set_offline(False)
    tab.button("Chats").click()
    expect(tab.page.get_by_role("navigation", name="Your chats")).to_be_visible()
    expect(tab.log).to_be_hidden()
    tab.page.get_by_role("navigation").get_by_role("link").focus()
    tab.page.keyboard.press("Escape")
    expect(tab.log).to_be_visible()
    expect(tab.button("Chats")).to_be_focused()
    tab.button("Chats").click()
    tab.page.get_by_role("navigation").get_by_role("link").click()
    expect(tab.log).to_be_visible()


def test_the_input_field_grows_with_a_long_draft_up_to_less_than_half_of_the_screen(visit):
    tab = visit(viewport=PHONE).start_chat()
    low = tab.field.bounding_box()["height"]
    tab.field.fill("\n".join("line" for _ in range(4)))
    grown = tab.field.bounding_box()["height"]
    tab.field.fill("\n".join("line" for _ in range(90)))
    full = tab.field.bounding_box()["height"]
    assert low < grown < full < PHONE["height"] / 2
    expect(tab.button("Send")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_preferred_color_scheme(visit, scheme):
    tab = visit(color_scheme=scheme)
    background = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    red, green, blue = tab.page.evaluate(background)
    assert (min(red, green, blue) > 240) if scheme == "light" else (max(red, green, blue) < 40)
