"""Processes are killed during a reply, and the page continues."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests import directives
from tests.clients import Events, begin
from tests.system import System

PARTIAL_TEXT = "echo: please w0 w1 w2"


@pytest.fixture(scope="module")
def _breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("browser")
    with System(folder, webs=1, workers=2, WORKER_CONCURRENCY="1") as system:
        yield system


@pytest.fixture
def system(_breakable: System) -> System:
    """Return a running system of one web process and two workers, each with a concurrency of 1."""
    _breakable.revive()
    return _breakable


def test_the_page_reconnects_when_the_web_process_is_killed_during_a_reply(tab, system):
    with directives.held(system, at=5) as hold:
        tab.send(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text(PARTIAL_TEXT)
        system.web.kill()
        expect(tab.status).to_have_text("Offline")
        expect(tab.text(tab.replies.last)).to_have_text(PARTIAL_TEXT)
        tab.send("meanwhile")
        expect(tab.unsent).to_contain_text("Waiting to be sent")
        system.web.start()
        tab.expect_connected()
        expect(tab.unsent).to_have_count(0)
    expect(tab.text(tab.replies)).to_have_text([hold.text, "echo: meanwhile"])
    expect(tab.messages).to_have_count(2)


def test_another_worker_continues_when_the_worker_is_killed_during_a_reply(tab, system):
    with directives.held(system, at=5) as hold:
        tab.send(hold.ask)
        expect(tab.text(tab.replies.last)).to_have_text(PARTIAL_TEXT)
        hold.wait()
        hold.kill_who_answers(system)
    tab.expect_reply(hold.text)
    expect(tab.replies).to_have_count(1)


def test_the_page_shows_the_position_in_the_queue(tab, system):
    with directives.held(system, at=0) as one, directives.held(system, at=0) as other:
        for hold in (one, other):
            Events(system.web.ws, begin(system.web.url)).say(hold.ask)
            hold.wait()
        ahead = Events(system.web.ws, begin(system.web.url))
        ahead.say("I was here first")
        ahead.until_type("ack")
        tab.send("hello")
        expect(tab.log).to_contain_text("1 message is ahead of yours")
    tab.expect_reply("echo: hello")
    expect(tab.log).not_to_contain_text("ahead of yours")
