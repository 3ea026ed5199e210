"""Chromium of the system, and its tabs on the page of a whole system."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.tab import Tab, Visitor
from tests.system import System

FLAGS = [
    "--no-sandbox",  # needed when the tests run as root
    "--disable-gpu",
    # No requests to other hosts.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--host-resolver-rules=MAP chat.test 127.0.0.1",  # another name for this machine
]
PATIENCE = 20_000  # ms; the timeout of every expectation

Visit = Callable[..., Tab]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert path, "there is no Chromium: `make chromium` installs it"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Return a function that opens a new browser. At the end, the page must have had no errors."""
    visitors: list[Visitor] = []

    def new_visitor(**options: Any) -> Visitor:
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        visitors.append(Visitor(context))
        return visitors[-1]

    yield new_visitor
    for visitor in visitors:
        visitor.context.close()
    assert [error for visitor in visitors for error in visitor.errors] == []


@pytest.fixture
def visit(visitor: Callable[..., Visitor], system: System) -> Visit:
    """Return a function that opens the page in a new browser. ``options`` are the browser's."""

    def open_page(path: str = "/", **options: Any) -> Tab:
        return visitor(**options).open(system.web.url + path)

    return open_page


@pytest.fixture
def tab(visit: Visit) -> Tab:
    """Return a tab with a chat that Ada has started."""
    return visit().start_chat()
