"""A message that the server does not take is kept, and sent again more and more seldom."""

from __future__ import annotations

import json
import threading
import time
from itertools import pairwise

import pytest

from terminal import pause
from terminal.connection import Connection
from tests.processes import wait_until
from tests.terminal.raw_server import frame, raw_server

SESSION = {"name": "Ada", "session_start": ""}


def say(connection, **what):
    connection.sendall(frame(json.dumps(what)))


def sent(heard, kind="message"):
    """Return the frames of a kind that the server has got."""
    frames = [json.loads(body) for body in heard if body.startswith(b"{")]
    return [each for each in frames if each["type"] == kind]


class Chat:
    """A server that refuses what it gets until it is told to take it."""

    def __init__(self, **refusal):
        self.refusal = {"type": "error", "code": "busy", "msg": "No.", **refusal}
        self.takes = threading.Event()
        self.cut = threading.Event()
        self.times = []
        self.messages = []  # of its histories

    def serve(self, connection, heard):
        say(connection, type="history", session=SESSION, messages=self.messages)
        answered = len(sent(heard))
        while not self.cut.is_set():
            for each in sent(heard)[answered:]:
                answered += 1
                self.times.append(time.monotonic())
                if self.takes.is_set():
                    say(connection, type="ack", id=each["id"], position=0)
                else:
                    say(connection, id=each["id"], **self.refusal)
            time.sleep(0.005)
        self.cut.clear()


@pytest.fixture
def opened(request):
    """A connection to a chat, what that has heard, and the chat."""
    chat = Chat(**getattr(request, "param", {}))
    with raw_server(chat.serve) as (url, heard):
        connection = Connection(url, "token", lambda: None)
        connection.start()
        wait_until(lambda: connection.look().known)
        yield connection, heard, chat
        connection.close()
        chat.cut.set()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(pause, "FIRST_BUSY", 0.1)
    monkeypatch.setattr(pause, "SHORTEST_BUSY", 0.05)


@pytest.mark.parametrize("opened", [{}, {"retry_after": -1}, {"retry_after": "x"}], indirect=True)
def test_pauses_grow_until_the_server_takes_it(opened):
    connection, heard, chat = opened
    message_id = connection.say("hello")
    wait_until(lambda: len(chat.times) == 4)
    gaps = [later - sooner for sooner, later in pairwise(chat.times)]
    assert gaps[0] >= 0.1
    assert gaps[1] >= 0.2
    assert gaps[2] >= 0.4
    assert connection.look().postponed.seconds == 1
    chat.takes.set()
    wait_until(lambda: not connection.look().waiting)
    assert {each["id"] for each in sent(heard)} == {message_id}
    assert connection.look().postponed is None


@pytest.mark.parametrize("opened", [{"retry_after": 0.6}], indirect=True)
def test_neither_another_message_nor_a_new_connection_cuts_a_pause_short(opened):
    connection, _, chat = opened
    connection.say("hello")
    wait_until(lambda: connection.look().postponed)
    connection.say("and more")
    chat.cut.set()
    wait_until(lambda: connection.look().state == "lost")
    chat.takes.set()
    wait_until(lambda: len(chat.times) == 3)
    assert chat.times[1] - chat.times[0] >= 0.6


@pytest.mark.parametrize("opened", [{"retry_after": 30, "code": "rate_limited"}], indirect=True)
def test_what_is_withdrawn_is_sent_no_more_and_what_comes_next_waits_its_time(opened):
    connection, heard, _ = opened
    first = connection.say("hello")
    wait_until(lambda: connection.look().postponed)
    assert connection.look().postponed.code == "rate_limited"
    connection.stop()
    assert connection.look().refused == {first: "Your message is withdrawn."}
    assert not connection.look().at_work
    connection.say("something else")
    assert 20 < connection.look().postponed.seconds <= 36
    assert [each["id"] for each in sent(heard)] == [first]


@pytest.mark.parametrize("opened", [{"retry_after": 30}], indirect=True)
def test_what_is_withdrawn_and_was_taken_all_the_same_is_stopped(opened):
    connection, heard, chat = opened
    message_id = connection.say("hello")
    wait_until(lambda: connection.look().postponed)
    connection.stop()
    chat.messages = [{"id": message_id, "source": "human", "msg": "hello", "timestamp": ""}]
    chat.cut.set()
    wait_until(lambda: sent(heard, "stop"))
    assert sent(heard, "stop")[0]["id"] == message_id
