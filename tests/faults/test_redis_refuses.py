"""Redis is there, and takes nothing: its memory is full, or its disk."""

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
    in_the_way = Path(system.client.config_get("dir")["dir"]) / "dump.rdb"
    in_the_way.mkdir()
    system.client.config_set("save", "3600 1")
    try:
        system.client.bgsave()
        wait_until(lambda: system.client.info("persistence")["rdb_last_bgsave_status"] == "err")
        yield
    finally:
        system.client.config_set("save", "")
        in_the_way.rmdir()


@pytest.mark.parametrize("full", [full_memory, full_disk])
def test_it_is_told_as_busy_and_all_goes_on_where_it_was(
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
    said = system.output()
    assert token not in said
    assert "Secretive" not in said
    assert "Traceback" not in said
