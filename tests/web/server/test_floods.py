"""Clients that send without end, or that keep a connection open and send almost nothing."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest
import requests

from tests.clients import Events, begin
from tests.flood import KINDS
from tests.processes import Process, Web

MIXED = [
    "one-byte chunks",
    "a body of a terabyte",
    "a body that trickles",
    "endless headers",
]
DURATION = 3.0  # seconds
# On an idle machine `python -m bench.request_floods` measures 0.1 s. Without the request limits it
# was 13 s or more.
MAX_RESPONSE_TIME = 3.0  # seconds


@pytest.fixture(scope="module")
def web(_redis, tmp_path_factory):
    """A web process for these tests only."""
    env = {"REDIS_URL": _redis.url, "MODEL_URL": "http://127.0.0.1:9/v1/completions"}
    web = Web(env, tmp_path_factory.mktemp("floods") / "web.log")
    web.ready()
    yield web
    web.stop()


def response_time(web) -> float:
    """Create a session; return how many seconds the response took."""
    begun = time.monotonic()
    assert requests.post(f"{web.url}/token?name=Ada", timeout=60).status_code == 200
    return time.monotonic() - begun


@pytest.mark.parametrize(
    "kinds",
    [
        MIXED,
        ["one-byte chunks"] * 4,
        ["a body of a terabyte"] * 4,
        ["garbage", "line ends", "pipelined requests", "pipelined requests, unread"],
        ["endless trailers", "an endless chunk extension", "a handshake with a body", "garbage"],
        ["WebSocket pings"] * 4,
        ["tiny WebSocket frames"] * 4,
    ],
    ids=" + ".join,
)
def test_others_are_served_while_four_clients_send_without_end(web, kinds, tmp_path):
    assert set(kinds) <= set(KINDS)
    floods = [Process(["tests.flood", kind, str(web.port)], {}, tmp_path / "log") for kind in kinds]
    try:
        time.sleep(0.5)  # until they are sending
        until = time.monotonic() + DURATION
        while time.monotonic() < until:
            assert response_time(web) < MAX_RESPONSE_TIME
    finally:
        for flood in floods:
            flood.kill()
    assert web.output().count("Booting worker") == 1
    for failure in ("WORKER TIMEOUT", "Traceback"):
        assert failure not in web.output()


def test_a_chat_works_while_hundreds_of_connections_send_almost_nothing(system):
    starts = [
        b"",
        b"G",
        b"POST /token HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        b"GET /test HTTP/1.1\r\n",
    ]
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", system.web.port), 20))
            for _ in range(200)
        ]
        for number, connection in enumerate(connections):
            connection.sendall(starts[number % len(starts)])
        chat = Events(system.web.ws, begin(system.web.url))
        stack.callback(chat.close)
        for question in range(3):
            for connection in connections[1::2]:
                connection.sendall(b"A")
            asked = time.monotonic()
            reply = chat.until_answered(chat.say(f"Question {question}"))
            assert reply["status"] == "done"
            assert time.monotonic() - asked < 10
