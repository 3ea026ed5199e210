"""Recovery enqueues a task for each session without a worker, within bounds."""

from __future__ import annotations

import pytest

from chat.session_store import QUEUED
from tasks.recovery import Recovery
from tests.chat.mailbox_steps import end_lease, must_claim, send
from tests.tasks.conftest import RecordingQueue

CONCURRENCY = 3


@pytest.fixture
def queue() -> RecordingQueue:
    return RecordingQueue()


@pytest.fixture
def enqueued(queue) -> list[str]:
    """The sessions for which recovery enqueued a task."""
    return queue.tokens


@pytest.fixture
def recovery(mailbox, queue) -> Recovery:
    return Recovery(mailbox, queue, max_sessions=CONCURRENCY)


def recover(recovery, client):
    """Recover as if the interval since the last recovery were over."""
    client.delete("chat:recovery")
    recovery.recover()


def session_of_dead_worker(mailbox, store, client):
    token = store.create("Ada").token
    send(mailbox, token, "hello")
    must_claim(mailbox, token)
    end_lease(client, token)
    return token


def session_queued_long_ago(mailbox, store, client):
    token = store.create("Ada").token
    send(mailbox, token, "hello")
    client.zadd(QUEUED, {token: 1})
    return token


def test_a_task_is_enqueued_once_for_the_session_of_a_dead_worker(
    recovery, enqueued, mailbox, store, client
):
    token = session_of_dead_worker(mailbox, store, client)
    recover(recovery, client)
    recover(recovery, client)
    assert enqueued == [token]


def test_no_task_is_enqueued_for_a_session_with_a_worker(
    recovery, enqueued, mailbox, token, client
):
    send(mailbox, token, "hello")
    must_claim(mailbox, token)
    recover(recovery, client)
    assert enqueued == []


def test_one_recovery_enqueues_no_more_tasks_than_the_worker_has_threads(
    recovery, enqueued, mailbox, store, client
):
    tokens = {session_of_dead_worker(mailbox, store, client) for _ in range(CONCURRENCY + 2)}
    recover(recovery, client)
    assert len(enqueued) == CONCURRENCY
    recover(recovery, client)
    assert len(enqueued) == CONCURRENCY + 2
    assert set(enqueued) == tokens


def test_tasks_that_are_still_in_the_queue_are_not_enqueued_again(
    recovery, queue, enqueued, mailbox, store, client
):
    for _ in range(2):
        session_queued_long_ago(mailbox, store, client)
    queue.tasks_left = 2
    recover(recovery, client)
    assert enqueued == []
    queue.tasks_left = 1  # one of the two tasks is lost
    recover(recovery, client)
    assert len(enqueued) == 1
