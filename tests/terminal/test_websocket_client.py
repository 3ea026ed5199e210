"""A connection to a server that sends the bytes that a test chooses."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager

import pytest

from terminal import keepalive, websocket_client
from terminal.errors import ConnectionSilentError
from terminal.websocket_client import WebSocketClient
from tests.terminal.websocket_server import text_frame, websocket_server


@pytest.fixture(autouse=True)
def _a_tenth_of_all_times(monkeypatch):
    for module, name in (
        (keepalive, "MAX_CHECK_GAP"),
        (keepalive, "PONG_TIMEOUT"),
        (keepalive, "PING_AFTER_EXPECTED"),
        (keepalive, "PING_AFTER_IDLE"),
        (websocket_client, "CHECK_INTERVAL"),
        (websocket_client, "STALL_TIMEOUT"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name) / 10)


@contextmanager
def connected(serve):
    """Connect to a server that runs ``serve(connection, received)``.

    Yields the client, and a list of the frames that the server has received.
    """
    with websocket_server(serve) as (url, received):
        client = WebSocketClient(url, "token")
        try:
            yield client, received
        finally:
            client.close()


def is_due():
    return True


def test_a_silent_connection_gets_one_ping_and_is_then_dead():
    over = threading.Event()
    with connected(lambda *_: over.wait(30)) as (client, received):
        with pytest.raises(ConnectionSilentError):
            client.receive(is_due)
        over.set()
        assert [json.loads(each) for each in received] == [{"type": "ping"}]


@pytest.mark.parametrize("answer", [text_frame('{"type": "pong"}'), b"\x89\x00", b"\x8a\x00"])
def test_any_frame_that_follows_a_ping_keeps_the_connection(answer):
    def serve(connection, received):
        for times in (1, 2, 3):
            while received.count(b'{"type": "ping"}') < times:
                time.sleep(0.01)
            connection.sendall(answer)
        connection.sendall(text_frame('{"type": "history"}'))
        time.sleep(1)

    with connected(serve) as (client, _):
        while (frame := client.receive(is_due)) == {"type": "pong"}:
            pass
        assert frame == {"type": "history"}


def test_a_large_frame_over_a_slow_network_is_received_although_no_other_comes_meanwhile():
    text = json.dumps({"type": "history", "messages": ["x" * 400]})
    seconds = 2.5 * (keepalive.PING_AFTER_EXPECTED + keepalive.PONG_TIMEOUT)

    def serve(connection, _):
        frame = text_frame(text)
        for n in range(0, len(frame), 16):
            connection.sendall(frame[n : n + 16])
            time.sleep(seconds * 16 / len(frame))
        time.sleep(1)

    with connected(serve) as (client, _):
        assert client.receive(is_due) == json.loads(text)


def test_a_frame_that_stops_in_its_middle_is_a_silence():
    over = threading.Event()

    def serve(connection, _):
        connection.sendall(text_frame("x" * 200)[:100])
        over.wait(30)

    with connected(serve) as (client, _):
        with pytest.raises(ConnectionSilentError):
            client.receive(is_due)
        over.set()
