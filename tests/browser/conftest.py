"""Debian's Chromium, and a whole system for it to talk to."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.tab import Tab, Visitor
from tests.system import System

FLAGS = [
    "--no-sandbox",  # it may run as root
    "--disable-gpu",
    # It asks nobody else for anything.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--host-resolver-rules=MAP chat.test 127.0.0.1",  # another name for this machine
]
PATIENCE = 20_000  # ms; nothing takes that long unless it is broken

Visit = Callable[..., Tab]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path, "there is no chromium: `make chromium` installs it"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Give a way to have a person come with a browser of their own, which is held to the rules."""
    visitors: list[Visitor] = []

    def come(**options: Any) -> Visitor:
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        visitors.append(Visitor(context))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.context.close()
    assert [said for visitor in visitors for said in visitor.complaints] == []


@pytest.fixture
def visit(visitor: Callable[..., Visitor], system: System) -> Visit:
    """Give a way to open the page in a new browser; ``options`` are the browser's."""

    def open_page(path: str = "/", **options: Any) -> Tab:
        return visitor(**options).open(system.web.url + path)

    return open_page


@pytest.fixture
def tab(visit: Visit) -> Tab:
    """A chat that Ada has started."""
    return visit().start_chat()
