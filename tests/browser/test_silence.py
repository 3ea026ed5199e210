"""The network goes silent without closing anything, and the page notices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests import directives
from tests.silent_proxy import SilentProxy

# The page pings after 10 s of silence, and reconnects if nothing arrives within 5 s.
COMPLETE_WITHIN = 20_000  # ms


@pytest.fixture
def proxy(system) -> Iterator[SilentProxy]:
    with SilentProxy(system.web.port) as proxy:
        yield proxy


def sockets(tab) -> int:
    """Return how many sockets the page has opened."""
    return len([url for url in tab.visitor.requests if url.startswith("ws")])


def expect_another_socket(tab) -> None:
    with tab.page.expect_websocket():
        tab.page.clock.run_for(5_000)
    tab.expect_connected()


def test_a_reply_is_complete_soon_after_its_connection_went_silent(visitor, system, proxy):
    tab = visitor().open(proxy.url).start_chat()
    with directives.held(system, at=5) as hold:
        tab.send(hold.ask)
        expect(tab.text(tab.replies.last)).to_contain_text("w2")
        proxy.silence()
        hold.release()
        expect(tab.text(tab.replies.last)).to_have_text(hold.text, timeout=COMPLETE_WITHIN)
    assert sockets(tab) == 2
    tab.ask("and then?")


def test_an_idle_page_pings_after_25_seconds_and_reconnects(visitor, proxy):
    ada = visitor()
    ada.context.clock.install()
    tab = ada.open(proxy.url).start_chat()
    proxy.silence()
    tab.page.clock.run_for(25_000)
    assert sockets(tab) == 1
    expect_another_socket(tab)
    tab.ask("still there?")


@pytest.mark.parametrize(
    "event",
    [
        "dispatchEvent(new Event('online'))",
        "dispatchEvent(new Event('pageshow'))",
        "document.dispatchEvent(new Event('visibilitychange'))",
    ],
)
def test_a_page_that_becomes_visible_or_online_checks_its_connection_at_once(visitor, proxy, event):
    ada = visitor()
    ada.context.clock.install()
    tab = ada.open(proxy.url).start_chat()
    proxy.silence()
    tab.page.evaluate(event)
    expect_another_socket(tab)
    assert sockets(tab) == 2
