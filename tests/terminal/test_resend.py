"""A message that the server refuses for now is kept, and sent again after growing delays."""

from __future__ import annotations

import json
import threading
import time
from itertools import pairwise

import pytest

from terminal import backoff
from terminal.session_client import SessionClient
from tests.processes import wait_until
from tests.terminal.websocket_server import text_frame, websocket_server

SESSION = {"name": "Ada", "session_start": ""}


def send(connection, **fields):
    connection.sendall(text_frame(json.dumps(fields)))


def frames_in(received, kind="message"):
    """Return the frames of one type that the server has received."""
    frames = [json.loads(body) for body in received if body.startswith(b"{")]
    return [frame for frame in frames if frame["type"] == kind]


class RefusingChat:
    """A server that refuses every message until ``accepts`` is set."""

    def __init__(self, **refusal):
        self.refusal = {"type": "error", "code": "busy", "msg": "No.", **refusal}
        self.accepts = threading.Event()
        self.cut = threading.Event()
        self.times = []  # at which messages came
        self.messages = []  # of its histories

    def serve(self, connection, received):
        send(connection, type="history", session=SESSION, messages=self.messages)
        answered = len(frames_in(received))
        while not self.cut.is_set():
            for message in frames_in(received)[answered:]:
                answered += 1
                self.times.append(time.monotonic())
                if self.accepts.is_set():
                    send(connection, type="ack", id=message["id"], position=0)
                else:
                    send(connection, id=message["id"], **self.refusal)
            time.sleep(0.005)
        self.cut.clear()


@pytest.fixture
def connected(request):
    """A client that is connected to a refusing chat, what the chat has received, and the chat."""
    chat = RefusingChat(**getattr(request, "param", {}))
    with websocket_server(chat.serve) as (url, received):
        client = SessionClient(url, "token", lambda: None)
        client.start()
        wait_until(lambda: client.snapshot().has_history)
        yield client, received, chat
        client.close()
        chat.cut.set()


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch):
    monkeypatch.setattr(backoff, "FIRST_RESEND_DELAY", 0.1)
    monkeypatch.setattr(backoff, "MIN_RESEND_DELAY", 0.05)


@pytest.mark.parametrize(
    "connected", [{}, {"retry_after": -1}, {"retry_after": "x"}], indirect=True
)
def test_delays_grow_until_the_server_accepts_the_message(connected):
    client, received, chat = connected
    message_id = client.send_message("hello")
    wait_until(lambda: len(chat.times) == 4)
    gaps = [later - sooner for sooner, later in pairwise(chat.times)]
    assert gaps[0] >= 0.1
    assert gaps[1] >= 0.2
    assert gaps[2] >= 0.4
    assert client.snapshot().postponed.seconds == 1
    chat.accepts.set()
    wait_until(lambda: not client.snapshot().pending)
    assert {message["id"] for message in frames_in(received)} == {message_id}
    assert client.snapshot().postponed is None


@pytest.mark.parametrize("connected", [{"retry_after": 0.6}], indirect=True)
def test_neither_another_message_nor_a_new_connection_shortens_the_delay(connected):
    client, _, chat = connected
    client.send_message("hello")
    wait_until(lambda: client.snapshot().postponed)
    client.send_message("and more")
    chat.cut.set()
    wait_until(lambda: client.snapshot().state == "lost")
    chat.accepts.set()
    wait_until(lambda: len(chat.times) == 3)
    assert chat.times[1] - chat.times[0] >= 0.6


@pytest.mark.parametrize("connected", [{"retry_after": 30, "code": "rate_limited"}], indirect=True)
def test_a_withdrawn_message_is_not_sent_again_and_the_next_one_waits_for_the_delay(connected):
    client, received, _ = connected
    first = client.send_message("hello")
    wait_until(lambda: client.snapshot().postponed)
    assert client.snapshot().postponed.code == "rate_limited"
    client.stop()
    assert client.snapshot().refused == {first: "Your message is withdrawn."}
    assert not client.snapshot().expects_frame
    client.send_message("something else")
    assert 20 < client.snapshot().postponed.seconds <= 36
    assert [message["id"] for message in frames_in(received)] == [first]


@pytest.mark.parametrize("connected", [{"retry_after": 30}], indirect=True)
def test_a_withdrawn_message_that_the_server_accepted_after_all_is_stopped(connected):
    client, received, chat = connected
    message_id = client.send_message("hello")
    wait_until(lambda: client.snapshot().postponed)
    client.stop()
    chat.messages = [{"id": message_id, "source": "human", "msg": "hello", "timestamp": ""}]
    chat.cut.set()
    wait_until(lambda: frames_in(received, "stop"))
    assert frames_in(received, "stop")[0]["id"] == message_id
