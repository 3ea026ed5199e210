"""Redis refuses writes: its memory or its disk is full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests import directives
from tests.clients import Events, Plain, begin
from tests.processes import wait_until
from tests.system import System


@contextmanager
def full_memory(system: System) -> Iterator[None]:
    system.client.config_set("maxmemory", "1mb")
    try:
        yield
    finally:
        system.client.config_set("maxmemory", "0")


@contextmanager
def full_disk(system: System) -> Iterator[None]:
    """A snapshot that cannot be written makes Redis refuse all writes, as a full disk does."""
    obstacle = Path(system.client.config_get("dir")["dir"]) / "dump.rdb"
    obstacle.mkdir()
    system.client.config_set("save", "3600 1")
    try:
        system.client.bgsave()
        wait_until(lambda: system.client.info("persistence")["rdb_last_bgsave_status"] == "err")
        yield
    finally:
        system.client.config_set("save", "")
        obstacle.rmdir()


@pytest.mark.parametrize("full", [full_memory, full_disk])
def test_messages_get_busy_and_the_reply_in_progress_continues_afterwards(
    system: System, full: Callable[[System], Iterator[None]]
):
    token = begin(system.web.url)
    socket, plain = Events(system.web.ws, token), Plain(system.web.ws, token)
    with directives.held(system, at=2) as hold:
        first = socket.say(hold.ask)
        hold.wait()
        with full(system):
            message_id = socket.say("hello")
            refusal = socket.until_type("error")
            assert (refusal["code"], refusal["id"]) == ("busy", message_id)
            plain.say("hello")
            assert plain.reply()["error"] == "busy"
            answer = requests.post(f"{system.web.url}/token?name=Secretive", timeout=30)
            assert answer.status_code == 503
            hold.release()
        assert socket.until_answered(first)["msg"] == hold.text
        assert plain.reply()["msg"] == hold.text
    assert all(process.running for process in system.processes)
    socket.say("hello", message_id)
    assert socket.until_answered(message_id)["msg"] == "echo: hello"
    output = system.output()
    assert token not in output
    assert "Secretive" not in output
    assert "Traceback" not in output
