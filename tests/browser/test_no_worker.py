"""No worker runs: the page shows a notice instead of the typing indicator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from chat.mailbox import Mailbox
from chat.worker_heartbeat import ABSENT_AFTER
from tests import directives
from tests.browser.conftest import PATIENCE
from tests.processes import Worker, wait_until
from tests.system import System

NOTICE = "Nobody can answer right now. Your message is kept and will be answered."
NOTICE_TIMEOUT = ABSENT_AFTER * 1000 + PATIENCE  # ms


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One web process and no worker."""
    with System(tmp_path_factory.mktemp("no-worker"), webs=1, workers=0) as system:
        yield system


def test_a_notice_is_shown_for_an_unserved_message_and_for_a_partial_reply(tab, system, tmp_path):
    with directives.held(system, at=3) as hold:
        tab.send(hold.ask)
        expect(tab.typing).to_be_visible()
        expect(tab.log.get_by_text(NOTICE)).to_be_visible(timeout=NOTICE_TIMEOUT)
        expect(tab.typing).to_have_count(0)
        tab.page.reload()
        expect(tab.log.get_by_text(NOTICE)).to_be_visible()

        worker = Worker(system.env, tmp_path / "worker.log")
        system.workers.append(worker)
        expect(tab.text(tab.replies)).to_have_text(["echo: please w0"])
        expect(tab.log.get_by_text(NOTICE)).to_have_count(0)
        worker.kill()
        wait_until(lambda: Mailbox(system.client, 0).unserved([tab.entry()["token"]]))
        system.age_heartbeat()
        expect(tab.log.get_by_text(NOTICE)).to_be_visible()
        worker.start()
        hold.release()
        tab.expect_reply(hold.text)
    expect(tab.log.get_by_text(NOTICE)).to_have_count(0)
