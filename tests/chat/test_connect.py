"""How a process reaches Redis, or finds that it cannot."""

from __future__ import annotations

import socket

import pytest

from chat.connect import connect, reached
from chat.errors import Busy


def test_one_that_stands_still_is_asked_once(monkeypatch):
    """Asked again and again, each time as long, it would keep a person in silence."""
    monkeypatch.setattr("chat.connect.SOCKET_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Busy), reached():
            client.ping()
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_script_that_redis_has_just_forgotten_may_pass(client):
    with pytest.raises(Busy), reached():
        client.evalsha("0" * 40, 0)
