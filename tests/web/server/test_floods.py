"""Clients that send without end, or that hold a connection and send next to nothing."""

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
SECONDS = 3.0
# `python -m bench.request_floods` has the figures of an idle machine: 0.1 s. Without bounds it was
# 13 s or more.
AT_MOST = 3.0  # seconds


@pytest.fixture(scope="module")
def web(_redis, tmp_path_factory):
    """A web process of these tests alone."""
    env = {"REDIS_URL": _redis.url, "MODEL_URL": "http://127.0.0.1:9/v1/completions"}
    web = Web(env, tmp_path_factory.mktemp("floods") / "web.log")
    web.ready()
    yield web
    web.stop()


def wait_for_an_answer(web) -> float:
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
def test_others_are_served_beside_four_clients_that_send_without_end(web, kinds, tmp_path):
    assert set(kinds) <= set(KINDS)
    floods = [Process(["tests.flood", kind, str(web.port)], {}, tmp_path / "log") for kind in kinds]
    try:
        time.sleep(0.5)  # they are under way
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            assert wait_for_an_answer(web) < AT_MOST
    finally:
        for flood in floods:
            flood.kill()
    assert web.output().count("Booting worker") == 1
    for trouble in ("WORKER TIMEOUT", "Traceback"):
        assert trouble not in web.output()


def test_a_chat_goes_on_beside_hundreds_of_connections_that_say_next_to_nothing(system):
    starts = [
        b"",
        b"G",
        b"POST /token HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        b"GET /test HTTP/1.1\r\n",
    ]
    with ExitStack() as stack:
        lines = [
            stack.enter_context(socket.create_connection(("127.0.0.1", system.web.port), 20))
            for _ in range(200)
        ]
        for number, line in enumerate(lines):
            line.sendall(starts[number % len(starts)])
        chat = Events(system.web.ws, begin(system.web.url))
        stack.callback(chat.close)
        for question in range(3):
            for line in lines[1::2]:
                line.sendall(b"A")
            asked = time.monotonic()
            reply = chat.until_answered(chat.say(f"Question {question}"))
            assert reply["status"] == "done"
            assert time.monotonic() - asked < 10
