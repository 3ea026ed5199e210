"""Workers with fewer slots than there are sessions."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests import directives
from tests.clients import Events, begin
from tests.system import System


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two workers with one slot each."""
    folder = tmp_path_factory.mktemp("full")
    with System(folder, webs=1, workers=2, WORKER_CONCURRENCY="1") as system:
        yield system


def sessions(system: System, number: int) -> list[Events]:
    return [Events(system.web.ws, begin(system.web.url)) for _ in range(number)]


def test_queued_sessions_are_answered_in_order_of_arrival(system):
    busy = sessions(system, 2)
    waiting = sessions(system, 4)
    with directives.held(system, at=0) as one, directives.held(system, at=0) as two:
        busy[0].say(one.ask)
        busy[1].say(two.ask)
        one.wait()
        two.wait()
        positions = []
        for number, socket in enumerate(waiting):
            socket.say(f"{number}")
            positions.append(socket.until_type("ack")["position"])
        assert positions == [0, 1, 2, 3]
        one.release()  # one slot answers all of them, since the other is busy
        begun = []
        for socket in waiting:
            socket.until(lambda f: f["type"] == "message" and f["source"] == "bot")
            reply = next(m for m in socket.messages.values() if m["source"] == "bot")
            begun.append(reply["timestamp"])
        assert begun == sorted(begun)


def test_a_session_with_many_messages_does_not_delay_the_others(system):
    talker, busy, other = sessions(system, 3)
    with directives.held(system, at=0) as one, directives.held(system, at=0) as two:
        busy.say(two.ask)
        two.wait()
        talker.say(one.ask)
        one.wait()
        many = [talker.say(f"{number}") for number in range(5)]
        message_id = other.say("me too")
        other.until_type("ack")
        one.release()
        other.until_answered(message_id)
        talker.until_answered(many[-1])
    mine = other.reply_to(message_id)["timestamp"]
    later = [
        talker.reply_to(m)["timestamp"] for m in many if talker.reply_to(m)["timestamp"] > mine
    ]
    assert len(later) >= 4


def test_a_full_worker_takes_no_task_that_another_worker_could_run(system):
    busy, *others = sessions(system, 6)
    with directives.held(system, at=0) as hold:
        busy.say(hold.ask)
        hold.wait()
        for socket in others:
            assert socket.until_answered(socket.say("hello"))["msg"] == "echo: hello"


def test_a_stop_frees_the_slot_of_a_silent_model(system):
    one, two, other = sessions(system, 3)
    with directives.held(system, at=0) as first, directives.held(system, at=0) as second:
        one.say(first.ask)
        two.say(second.ask)
        first.wait()
        second.wait()
        message_id = other.say("hello")
        one.send(type="stop")
        assert other.until_answered(message_id)["msg"] == "echo: hello"
        first.wait_closed()


def test_the_old_reply_is_back_at_all_clients_after_its_retry_was_stopped_while_queued(system):
    talker, *busy = sessions(system, 3)
    listener = Events(system.web.ws, talker.token)
    message_id = talker.say("hello")
    old = listener.until_answered(message_id)
    with directives.held(system, at=0) as one, directives.held(system, at=0) as two:
        for socket, hold in zip(busy, (one, two), strict=True):
            socket.say(hold.ask)
            hold.wait()
        talker.send(type="retry", id=message_id)
        talker.send(type="stop")
        assert listener.until_answered(message_id) == old
    assert listener.reply_to(message_id)["id"] == old["id"]


def test_a_slot_that_becomes_free_takes_the_next_session_without_a_pause(system):
    busy = sessions(system, 2)
    waiting = sessions(system, 12)
    with directives.held(system, at=0) as one, directives.held(system, at=0) as two:
        busy[0].say(one.ask)
        busy[1].say(two.ask)
        one.wait()
        two.wait()
        messages = [socket.say("hello") for socket in waiting]
        for socket in waiting:
            socket.until_type("ack")
        released = time.monotonic()
        one.release()
        for socket, message_id in zip(waiting, messages, strict=True):
            socket.until_answered(message_id)
        took = time.monotonic() - released
    # A worker that waited for Celery's next timer would take half a second a session.
    assert took < 0.25 * len(waiting)
