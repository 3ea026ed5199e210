"""A worker answers a session's messages in order, and lets sessions take turns."""

from __future__ import annotations

import pytest

from chat.errors import ModelTimeout
from tasks.session_processor import SessionProcessor
from tests.chat.mailbox_steps import must_claim, send, texts
from tests.tasks.conftest import RecordingQueue, ScriptedModel


@pytest.fixture
def queue() -> RecordingQueue:
    return RecordingQueue()


@pytest.fixture
def enqueued(queue) -> list[str]:
    """The sessions for which the processor enqueued a task."""
    return queue.tokens


@pytest.fixture
def processor(mailbox, queue, writer):
    """Return a function that makes a processor with a scripted model."""

    def make(script):
        model = ScriptedModel(script)
        return SessionProcessor(mailbox, queue, model, writer, history_window=4, timeout=60.0)

    return make


def answer_ok(call):
    yield "ok"


def statuses(store, token):
    return [m["status"] for m in store.history(token).messages if "reply_to" in m]


def test_a_worker_answers_all_messages_of_the_only_session(
    processor, enqueued, mailbox, store, token
):
    for text in "ab":
        send(mailbox, token, text)
    processor(answer_ok).process(token)
    assert texts(store, token) == ["Human: a", "Bot: ok", "Human: b", "Bot: ok"]
    assert enqueued == []


def test_a_session_is_enqueued_again_after_one_reply_while_others_are_queued(
    processor, enqueued, mailbox, store, token
):
    for text in "ab":
        send(mailbox, token, text)
    send(mailbox, store.create("Bob").token, "c")
    processor(answer_ok).process(token)
    assert texts(store, token) == ["Human: a", "Bot: ok", "Human: b"]
    assert enqueued == [token]


def test_a_session_without_further_messages_is_not_enqueued_again(
    processor, enqueued, mailbox, store, token
):
    send(mailbox, token, "a")
    send(mailbox, store.create("Bob").token, "b")
    processor(answer_ok).process(token)
    assert statuses(store, token) == ["done"]
    assert enqueued == []


def test_a_worker_that_shuts_down_claims_nothing_and_enqueues_the_session_again(
    processor, enqueued, mailbox, writer, store, token
):
    send(mailbox, token, "a")
    writer.shut_down()
    processor(answer_ok).process(token)
    assert statuses(store, token) == []
    assert enqueued == [token]


def test_a_worker_that_begins_to_shut_down_enqueues_the_session_for_its_next_message(
    processor, enqueued, mailbox, writer, store, token
):
    for text in "ab":
        send(mailbox, token, text)

    def script(call):
        yield "ok"
        writer.shut_down()

    processor(script).process(token)
    assert statuses(store, token) == ["done"]
    assert enqueued == [token]


def test_a_failed_message_gets_its_code_and_the_next_one_is_answered(
    processor, enqueued, mailbox, store, token
):
    for text in "ab":
        send(mailbox, token, text)
    failures = [ModelTimeout]

    def script(call):
        if failures:
            raise failures.pop()
        yield "ok"

    processor(script).process(token)
    assert statuses(store, token) == ["failed", "done"]
    assert store.history(token).messages[1]["error"] == "model_timeout"
    assert enqueued == []


def test_a_session_that_another_worker_answers_is_left_alone(
    processor, enqueued, mailbox, store, token
):
    send(mailbox, token, "a")
    must_claim(mailbox, token)
    processor(answer_ok).process(token)
    assert texts(store, token) == ["Human: a", "Bot: "]
    assert enqueued == []


def test_a_redis_that_cannot_be_used_is_logged_and_ends_nothing(
    processor, enqueued, mailbox, unreliable, token, caplog
):
    send(mailbox, token, "a")
    unreliable.lost_requests = 1
    processor(answer_ok).process(token)
    assert "recovery will enqueue the session again" in caplog.text
