"""No worker is there: clients get a notice, and their messages are answered later.

A web process sends the notice after 15 s without a heartbeat. The first test waits for that; the
others make the last heartbeat look older.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import Celery

from chat.mailbox import Mailbox
from chat.worker_heartbeat import HEARTBEAT_INTERVAL, heartbeat_age, write_heartbeat
from tasks.heartbeat import TICK_INTERVAL
from terminal.delays import NOBODY
from tests import directives
from tests.clients import Events, Plain, begin
from tests.processes import Worker, wait_until
from tests.pty_terminal import person, piping
from tests.system import System

NOTICE = "no worker has been seen"


@pytest.fixture(scope="module")
def _workerless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("no-worker")
    with System(folder, webs=1, workers=0, appendfsync="always", WORKER_CONCURRENCY="1") as system:
        yield system


@pytest.fixture
def system(_workerless: System) -> Iterator[System]:
    """One web process and no worker."""
    yield _workerless
    for worker in _workerless.workers:
        worker.kill()
    _workerless.workers.clear()


@pytest.fixture
def start_worker(system: System, tmp_path):
    """Return a function that starts a worker of concurrency 1. `system` stops the worker."""

    def start() -> Worker:
        worker = Worker(system.env, tmp_path / f"worker{len(system.workers)}.log")
        system.workers.append(worker)
        worker.ready()
        return worker

    return start


def opened(system: System) -> Events:
    return Events(system.web.ws, begin(system.web.url))


def redis_calls(system: System, command: str) -> int:
    """Return how many times Redis has run a command since it started."""
    return system.client.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0)


def is_notice(frame: dict) -> bool:
    return frame["type"] == "wait" and frame.get("reason") == "no_worker"


def notices(socket: Events) -> list[str]:
    """Return the messages for which a client has been sent that no worker is there."""
    return [frame["reply_to"] for frame in socket.frames if is_notice(frame)]


def test_clients_and_the_log_get_a_notice_and_the_next_worker_answers_everything(
    system, start_worker
):
    first = opened(system)
    second, plain = Events(system.web.ws, first.token), Plain(system.web.ws, first.token)
    idle = opened(system)
    one = first.say("one")
    assert first.until_type("ack")["id"] == one
    for socket in (first, second):
        notice = socket.until_type("wait")
        assert notice["retry_after"] > 0
        assert {**notice, "retry_after": 0} == {
            "type": "wait",
            "reply_to": one,
            "code": "busy",
            "retry_after": 0,
            "reason": "no_worker",
        }
    wait_until(lambda: NOTICE in system.output())

    late = Events(system.web.ws, first.token)
    assert late.until_type("wait")["reply_to"] == one
    assert notices(first) == notices(second) == [one]
    assert [frame["type"] for frame in late.frames] == ["history", "wait"]

    two = first.say("two")
    first.until_type("ack")
    assert first.until(is_notice)["reply_to"] == one  # the oldest, not the one acknowledged
    first.say("one", one)
    assert first.until_type("ack")["id"] == one
    assert first.until(is_notice)["reply_to"] == one

    first.send(type="stop", id=one)
    for socket in (first, second, late):
        assert socket.until_answered(one)["status"] == "stopped"
        assert socket.until(is_notice)["reply_to"] == two

    start_worker()
    for socket in (first, second, late):
        assert socket.until_answered(two)["msg"] == "echo: two"
        begun = [frame["reply_to"] for frame in socket.frames if frame["type"] in ("start", "wait")]
        assert begun[-1] == two
        assert not is_notice(next(f for f in reversed(socket.frames) if f["type"] != "message"))
    assert plain.reply()["msg"] == "echo: two"  # an empty stopped reply is not sent
    assert idle.until_answered(idle.say("three"))["msg"] == "echo: three"
    assert not notices(idle)
    warnings = [line for line in system.output().splitlines() if NOTICE in line]
    assert len(warnings) == 1  # at most one a minute
    assert "1 sessions wait" in warnings[0]
    assert first.token not in system.output()


def test_a_frozen_worker_counts_as_absent(system, start_worker):
    socket, worker = opened(system), start_worker()
    wait_until(lambda: heartbeat_age(system.client) is not None)
    worker.freeze()
    system.age_heartbeat()
    message_id = socket.say("hello")
    assert socket.until(is_notice)["reply_to"] == message_id
    worker.thaw()
    assert socket.until_answered(message_id)["msg"] == "echo: hello"
    wait_until(lambda: heartbeat_age(system.client) < HEARTBEAT_INTERVAL)


def test_a_partial_reply_whose_worker_died_gets_a_notice_and_the_next_worker_continues_it(
    system, start_worker
):
    socket, worker = opened(system), start_worker()
    with directives.held(system, at=3) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        socket.until_type("delta")
        worker.kill()
        wait_until(lambda: Mailbox(system.client, 0).unserved([socket.token]))  # its lease is over
        system.age_heartbeat()
        assert socket.until(is_notice)["reply_to"] == message_id
        assert socket.reply_to(message_id)["status"] == "streaming"
        start_worker()
        hold.release()
        assert socket.until_answered(message_id)["msg"] == hold.text
    assert notices(socket) == [message_id]


def test_a_client_that_still_waits_when_a_worker_is_back_is_sent_that_it_is_busy(
    system, start_worker
):
    system.age_heartbeat()
    first, second = opened(system), opened(system)
    with directives.held(system, at=0) as hold:
        one = first.say(hold.ask)
        first.until(is_notice)
        two = second.say("hello")
        second.until(is_notice)
        start_worker()
        hold.wait()
        wait = second.until_type("wait")
        assert (wait["reply_to"], wait["code"]) == (two, "busy")
        assert "reason" not in wait
        hold.release()
        assert first.until_answered(one)["msg"] == hold.text
        assert second.until_answered(two)["msg"] == "echo: hello"
    assert notices(first) == [one]
    assert notices(second) == [two]


def test_the_terminal_and_a_pipe_show_the_notice(system, start_worker):
    system.age_heartbeat()
    with person(system.web.url) as ada, piping(system.web.url, "hello") as chat:
        ada.types("hi")
        ada.sees(NOBODY)
        assert f"{NOBODY}\n" in iter(
            chat.stderr.readline, ""
        )  # the position may be printed before it
        start_worker()
        ada.sees("echo: hi")
        assert chat.stdout.read() == "echo: hello\n"
        assert NOBODY not in chat.stderr.read()
        assert chat.wait() == 0


def test_an_outage_of_redis_is_not_taken_for_an_absent_worker(system, start_worker):
    socket, worker = opened(system), start_worker()
    assert socket.until_answered(socket.say("before"))["msg"] == "echo: before"
    worker.freeze()
    system.redis.kill()
    message_id = socket.say("hello")
    assert socket.until_type("error")["code"] == "busy"
    wait_until(lambda: "cannot see whether a worker is there" in system.output())
    system.redis.start()
    system.age_heartbeat()
    socket.say("hello", message_id)
    socket.until_type("ack")
    wait_until(lambda: redis_calls(system, "pttl") >= 3)
    worker.thaw()
    assert socket.until_answered(message_id)["msg"] == "echo: hello"
    assert not notices(socket)


def test_a_worker_that_does_not_consume_has_no_heartbeat(system, start_worker):
    worker = start_worker()
    wait_until(lambda: heartbeat_age(system.client) is not None)
    control = Celery(broker=system.redis.url).control
    assert control.cancel_consumer("celery", reply=True, timeout=10, limit=1)
    stale_after = HEARTBEAT_INTERVAL + 3 * TICK_INTERVAL
    wait_until(lambda: heartbeat_age(system.client) > stale_after)
    assert worker.running
    assert control.add_consumer("celery", reply=True, timeout=10, limit=1)
    wait_until(lambda: heartbeat_age(system.client) < stale_after)


def test_all_subscribers_are_checked_in_one_round_trip_to_redis(system):
    write_heartbeat(system.client, "a worker")
    sockets = [opened(system) for _ in range(100)]
    waiting = sockets[7]
    message_id = waiting.say("hello")
    waiting.until_type("ack")
    polls = redis_calls(system, "pttl")
    wait_until(lambda: redis_calls(system, "pttl") >= polls + 2)
    before = redis_calls(system, "evalsha")
    system.age_heartbeat()
    assert waiting.until(is_notice)["reply_to"] == message_id
    # One call, and a second one if Redis does not have the script yet; not one for each subscriber.
    assert redis_calls(system, "evalsha") - before <= 3
    assert not any(notices(socket) for socket in sockets if socket is not waiting)
