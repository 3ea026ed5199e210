"""Retries and continues of the terminal's client, while other clients change the same reply."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager

import pytest

from terminal.session_client import SessionClient
from tests.processes import wait_until
from tests.terminal.websocket_server import text_frame, websocket_server

HUMAN = {"id": "h1", "source": "human", "msg": "Hello", "timestamp": "t1"}
STOPPED = {"id": "b1", "source": "bot", "msg": "Hi", "timestamp": "t2", "reply_to": "h1"}
STOPPED["status"] = "stopped"
SESSION = {"name": "Ada", "session_start": ""}
ACK = {"type": "ack", "id": "h1", "position": 0}
OTHER_START = {"type": "start", "id": "b2", "reply_to": "h1", "attempt": 1}
OTHER_DELTA = {"type": "delta", "id": "b2", "n": 0, "text": "Hey"}
REFUSAL = {"type": "error", "code": "unknown_message", "msg": "It is complete.", "id": "h1"}


@contextmanager
def chat_that_answers(*frames):
    """A client with one stopped reply, and what the server got. A request gets ``frames``."""

    def serve(connection, received):
        def send(frame):
            connection.sendall(text_frame(json.dumps(frame)))

        send({"type": "history", "session": SESSION, "messages": [HUMAN, STOPPED]})
        while not received:
            time.sleep(0.005)
        for frame in frames:
            send(frame)
        while not ended:
            time.sleep(0.005)

    ended = []
    with websocket_server(serve) as (url, received):
        client = SessionClient(url, "token", lambda: None)
        client.start()
        wait_until(lambda: client.snapshot().has_history)
        yield client, received
        client.close()
        ended.append(True)


def reply(client):
    return client.snapshot().conversation.exchange("h1").reply


def until_confirmed(client):
    wait_until(lambda: not client.snapshot().pending)


def test_the_reply_leaves_when_its_retry_is_acknowledged():
    with chat_that_answers(ACK) as (client, _):
        client.retry()
        until_confirmed(client)
        assert reply(client) is None


def test_a_reply_that_another_client_has_requested_stays_when_the_retry_is_acknowledged():
    with chat_that_answers(OTHER_START, OTHER_DELTA, ACK) as (client, _):
        client.retry()
        until_confirmed(client)
        assert (reply(client).id, reply(client).msg) == ("b2", "Hey")


def test_the_reply_is_open_when_its_continue_is_acknowledged():
    with chat_that_answers(ACK) as (client, _):
        client.continue_reply()
        until_confirmed(client)
        assert (reply(client).msg, reply(client).status) == ("Hi", "streaming")


@pytest.mark.parametrize("change", [SessionClient.retry, SessionClient.continue_reply])
def test_a_stop_waits_until_the_change_is_acknowledged(change):
    with chat_that_answers(ACK) as (client, received):
        change(client)
        client.stop()
        wait_until(lambda: len(received) > 1)
        types = [json.loads(frame)["type"] for frame in received[:2]]
        assert types in (["retry", "stop"], ["continue", "stop"])
        assert reply(client) is None or reply(client).status == "streaming"


def test_a_change_that_is_refused_leaves_the_reply_and_says_why():
    with chat_that_answers(REFUSAL) as (client, received):
        client.continue_reply()
        client.stop()
        until_confirmed(client)
        assert client.snapshot().refused == {"h1": "It is complete."}
        assert (reply(client).msg, reply(client).status) == ("Hi", "stopped")
        assert len(received) == 1  # the stop was forgotten
