"""Finding sessions without a worker: recover, unserved."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from chat.ids import new_id
from chat.mailbox import Unserved
from chat.session_store import QUEUED, state_key
from tests.chat.mailbox_steps import end_lease, must_claim, send


def test_recovery_returns_the_session_of_a_dead_worker_once(mailbox, client, token):
    send(mailbox, token, "one")
    must_claim(mailbox, token)
    assert mailbox.recover(0, 10) == []
    client.delete("chat:recovery")
    end_lease(client, token)
    assert mailbox.recover(0, 10) == [token]
    client.delete("chat:recovery")
    assert mailbox.recover(0, 10) == []


def test_only_one_of_several_workers_recovers_a_session(mailbox, client, token):
    send(mailbox, token, "one")
    client.zadd(QUEUED, {token: 1})
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: mailbox.recover(0, 10), range(8)))
    assert sorted(map(len, found)) == [0] * 7 + [1]


def test_recovery_returns_no_more_queued_sessions_than_tasks_are_missing(mailbox, store, client):
    for _ in range(5):
        token = store.create("Ada").token
        send(mailbox, token, "one")
        client.zadd(QUEUED, {token: 1})
    assert mailbox.recover(5, 10) == []
    client.delete("chat:recovery")
    assert len(mailbox.recover(3, 10)) == 2
    client.delete("chat:recovery")
    assert len(mailbox.recover(0, 1)) == 1


def test_a_session_is_unserved_while_it_is_queued_or_its_worker_is_dead(
    mailbox, store, client, token
):
    idle, gone = store.create("Bob").token, new_id()
    tokens = [idle, token, gone]
    assert mailbox.unserved(tokens) == []
    first, second = send(mailbox, token, "one"), send(mailbox, token, "two")
    assert mailbox.unserved(tokens) == [Unserved(token, first, store.history(token).rev)]
    claim = must_claim(mailbox, token)
    assert mailbox.unserved(tokens) == []
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    end_lease(client, token)
    assert mailbox.unserved(tokens) == [Unserved(token, first, store.history(token).rev)]
    claim = must_claim(mailbox, token)
    mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1)
    assert mailbox.unserved(tokens) == [Unserved(token, second, store.history(token).rev)]
    mailbox.stop(token, second)
    assert mailbox.unserved(tokens) == []


def test_the_count_of_unanswered_sessions_includes_started_replies(mailbox, store, token):
    assert mailbox.sessions_unanswered() == 0
    send(mailbox, token, "one")
    send(mailbox, store.create("Bob").token, "two")
    assert mailbox.sessions_unanswered() == 2
    claim = must_claim(mailbox, token)
    assert mailbox.sessions_unanswered() == 2
    mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 0)
    assert mailbox.sessions_unanswered() == 1


def test_a_repeated_recovery_returns_the_same_sessions(mailbox, client, token, monkeypatch):
    send(mailbox, token, "one")
    must_claim(mailbox, token)
    end_lease(client, token)
    monkeypatch.setattr("chat.mailbox.new_id", lambda: "the same request")
    assert mailbox.recover(0, 10) == [token]
    assert mailbox.recover(0, 10) == [token]
    monkeypatch.undo()
    assert mailbox.recover(0, 10) == []


def test_a_session_whose_state_was_deleted_by_hand_does_not_hide_the_others(
    mailbox, store, client, token
):
    broken = store.create("Bob").token
    send(mailbox, broken, "one")
    message_id = send(mailbox, token, "two")
    client.delete(state_key(broken))
    assert [found.message_id for found in mailbox.unserved([broken, token])] == [message_id]
    assert mailbox.claim(broken, new_id(), 4) is None
    assert client.zscore(QUEUED, broken) is None  # recovery does not find it forever
