"""What clients do to a session: accept, stop, retry, erase."""

from __future__ import annotations

import pytest

from chat.errors import SessionGone, UnknownMessage
from chat.ids import new_id
from chat.mailbox import Accepted, Task
from chat.scripts import session_step
from chat.session_store import session_keys
from tests.chat.mailbox_steps import answer, must_claim, renew, send, texts
from tests.conftest import TTL


def test_the_first_unanswered_message_needs_a_task_and_the_next_does_not(mailbox, store, token):
    first, second = new_id(), new_id()
    assert mailbox.accept(token, first, "one") == Accepted(position=0, must_enqueue=True)
    assert mailbox.accept(token, second, "two") == Accepted(position=1, must_enqueue=False)
    assert texts(store, token) == ["Human: one", "Human: two"]


def test_a_message_that_is_sent_again_keeps_its_first_text(mailbox, store, token):
    message_id = send(mailbox, token, "first")
    mailbox.accept(token, message_id, "second")
    assert texts(store, token) == ["Human: first"]


def test_a_message_that_is_sent_again_needs_another_task_while_it_is_queued(mailbox, token):
    message_id = new_id()
    mailbox.accept(token, message_id, "one")
    assert mailbox.accept(token, message_id, "one").must_enqueue
    must_claim(mailbox, token)
    assert not mailbox.accept(token, message_id, "one").must_enqueue


def test_a_message_for_a_leased_session_needs_no_task(mailbox, token):
    send(mailbox, token, "one")
    must_claim(mailbox, token)
    assert not mailbox.accept(token, new_id(), "two").must_enqueue


def test_a_task_is_enqueued_in_the_same_step_whenever_one_is_needed(mailbox, client, token):
    first = new_id()
    for entry in ("a", "b"):  # the first task may be lost
        accepted = mailbox.accept(token, first, "one", Task("queue", entry))
        assert accepted == Accepted(0, must_enqueue=False, enqueued=True)
    accepted = mailbox.accept(token, new_id(), "two", Task("queue", "c"))
    assert accepted == Accepted(1, must_enqueue=False, enqueued=False)
    must_claim(mailbox, token)
    assert not mailbox.accept(token, first, "one", Task("queue", "d")).enqueued
    assert client.lrange("queue", 0, -1) == ["b", "a"]


def test_a_message_is_stored_if_its_task_cannot_be_enqueued(mailbox, store, client, token):
    client.set("queue", "not a list")
    accepted = mailbox.accept(token, new_id(), "one", Task("queue", "a"))
    assert accepted == Accepted(0, must_enqueue=True, enqueued=False)
    assert texts(store, token) == ["Human: one"]


def test_the_position_counts_the_unstarted_messages_of_all_sessions(mailbox, store):
    tokens = [store.create("Ada").token for _ in range(3)]
    assert [mailbox.accept(token, new_id(), "hi").position for token in tokens] == [0, 1, 2]
    must_claim(mailbox, tokens[0])
    assert mailbox.accept(tokens[0], new_id(), "more").position == 2


def test_a_session_with_an_unanswered_message_does_not_expire(mailbox, client, token):
    assert client.ttl(token) > 0
    send(mailbox, token, "one")
    assert client.ttl(token) == -1
    claim = must_claim(mailbox, token)
    assert client.ttl(token) == -1
    mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 0)
    assert client.ttl(token) == TTL


def test_a_message_for_a_session_that_is_gone_is_refused(mailbox):
    with pytest.raises(SessionGone):
        mailbox.accept(new_id(), new_id(), "hello")


def test_a_stopped_reply_keeps_its_partial_text_and_its_worker_loses_the_lease(
    mailbox, store, token
):
    message_id = send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    mailbox.stop(token, message_id)
    reply = store.history(token).messages[1]
    assert (reply["status"], reply["msg"]) == ("stopped", "Bot: Hi")
    assert not mailbox.append(token, claim.lease_id, 1, 1, " more")
    assert renew(mailbox, (token, claim.lease_id)) == [False]


def test_a_message_can_be_stopped_before_its_reply_starts_and_the_next_needs_a_task(
    mailbox, store, token
):
    first = send(mailbox, token, "one")
    second = send(mailbox, token, "two")
    assert mailbox.oldest_unanswered(token) == first
    assert mailbox.stop(token, first) == (True, second)
    reply = store.history(token).messages[1]
    assert (reply["status"], reply["reply_to"]) == ("stopped", first)
    assert must_claim(mailbox, token).messages[-1]["msg"] == "Human: two"


def test_only_the_oldest_unanswered_message_can_be_stopped(mailbox, store, token):
    first, second = send(mailbox, token, "one"), send(mailbox, token, "two")
    assert mailbox.stop(token, second) == (False, None)
    for _ in range(2):  # the repeated stop must not end the second message
        assert mailbox.stop(token, first) == (True, second)
    assert texts(store, token) == ["Human: one", "Bot: ", "Human: two"]


def test_a_retry_drops_the_old_reply_and_the_new_one_has_another_id(mailbox, store, client, token):
    message_id = send(mailbox, token, "one")
    old = must_claim(mailbox, token)
    mailbox.append(token, old.lease_id, 1, 0, "Hi")
    mailbox.commit(token, old.lease_id, old.reply_id, 1, 1)
    for _ in range(2):
        assert mailbox.retry(token, message_id) == Accepted(position=0, must_enqueue=True)
        assert texts(store, token) == ["Human: one"]
    assert client.ttl(token) == -1
    assert must_claim(mailbox, token).reply_id != old.reply_id
    assert not mailbox.retry(token, message_id).must_enqueue  # it is being answered


def test_a_retry_that_is_repeated_late_keeps_the_reply_that_it_led_to(
    mailbox, store, token, monkeypatch
):
    message_id = send(mailbox, token, "one")
    for _ in range(2):
        claim = must_claim(mailbox, token)
        mailbox.append(token, claim.lease_id, 1, 0, claim.reply_id)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1)
        monkeypatch.setattr("chat.mailbox.new_id", lambda: "the same request")
        mailbox.retry(token, message_id)  # the second call repeats the first one
        monkeypatch.undo()
    assert texts(store, token) == ["Human: one", f"Bot: {claim.reply_id}"]
    assert mailbox.retry(token, message_id).must_enqueue


def test_only_the_last_message_can_be_retried(mailbox, token):
    first = send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 0)
    send(mailbox, token, "two")
    for message_id in (first, new_id()):
        with pytest.raises(UnknownMessage):
            mailbox.retry(token, message_id)


def test_an_erased_session_leaves_nothing_and_its_worker_loses_the_lease(
    mailbox, store, client, token
):
    send(mailbox, token, "one")
    send(mailbox, token, "two")
    claim = must_claim(mailbox, token)
    store.erase(token)
    assert not mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    assert not mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 0).owned
    assert client.keys() == [
        f"chat:erased:{token}"
    ]  # for a minute, since the request may be repeated
    with pytest.raises(SessionGone):
        store.erase(token)


def test_a_repeated_erase_succeeds_again_and_another_one_does_not(client, token):
    erase = session_step(client, "erase")
    assert erase(keys=session_keys(token), args=["one request", 60]) == 1
    assert erase(keys=session_keys(token), args=["one request", 60]) == 1
    assert erase(keys=session_keys(token), args=["another request", 60]) == 0


def test_a_repeated_accept_of_a_later_message_needs_no_task(mailbox, token):
    send(mailbox, token, "one")
    second = send(mailbox, token, "two")
    assert not mailbox.accept(token, second, "two").must_enqueue


def test_a_retry_of_a_message_needs_a_task_only_if_the_message_is_the_next_one(mailbox, token):
    first = send(mailbox, token, "one")
    assert mailbox.retry(token, first).must_enqueue
    second = send(mailbox, token, "two")
    assert not mailbox.retry(token, second).must_enqueue
    mailbox.stop(token, first)
    assert mailbox.retry(token, second).must_enqueue


def test_the_next_step_deletes_what_is_left_of_a_document_that_was_deleted_by_hand(
    mailbox, client, token
):
    message_id = send(mailbox, token, "one")
    send(mailbox, token, "two")
    claim = must_claim(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    client.delete(token)
    assert not mailbox.append(token, claim.lease_id, 1, 1, " you")
    with pytest.raises(SessionGone):
        mailbox.retry(token, message_id)
    assert client.keys() == []


def test_a_late_stop_of_a_finished_reply_stops_nothing_and_enqueues_nothing(mailbox, token):
    first = send(mailbox, token, "one")
    answer(mailbox, token, "Hi")
    send(mailbox, token, "two")
    assert mailbox.stop(token, first) == (False, None)


def test_a_repeated_stop_of_a_retry_whose_old_reply_is_back_answers_as_before(mailbox, token):
    first = send(mailbox, token, "one")
    answer(mailbox, token, "Hi")
    mailbox.retry(token, first)
    must_claim(mailbox, token)
    assert [mailbox.stop(token, first) for _ in range(2)] == [(True, None)] * 2
