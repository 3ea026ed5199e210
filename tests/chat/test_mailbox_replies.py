"""Writing a reply under a lease: append, restart, commit."""

from __future__ import annotations

from chat.ids import new_id
from chat.session_store import LEASED, QUEUED, UNSTARTED
from tests.chat.mailbox_steps import end_lease, must_claim, send, texts


def test_a_repeated_append_adds_its_text_once(mailbox, store, token):
    send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    assert mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    assert mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    assert mailbox.append(token, claim.lease_id, 1, 1, " you")
    reply = store.history(token).messages[1]
    assert (reply["msg"], reply["n"]) == ("Bot: Hi you", 2)


def test_a_worker_that_lost_its_lease_cannot_append(mailbox, store, client, token):
    send(mailbox, token, "one")
    old = must_claim(mailbox, token)
    mailbox.append(token, old.lease_id, 1, 0, "Hi")
    end_lease(client, token)
    new = must_claim(mailbox, token)
    assert not mailbox.append(token, old.lease_id, 1, 1, " old")
    assert mailbox.append(token, new.lease_id, 1, 1, " new")
    assert texts(store, token)[1] == "Bot: Hi new"


def test_an_append_with_a_gap_before_it_is_refused(mailbox, token):
    """Redis may have restarted with older data, without the last deltas."""
    send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    assert not mailbox.append(token, claim.lease_id, 1, 3, "later")


def test_an_append_to_an_attempt_that_redis_has_forgotten_is_refused(mailbox, store, token):
    send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    for n in (0, 1):  # both numbers fit the stored text
        assert not mailbox.append(token, claim.lease_id, 2, n, "Ho")
    assert not mailbox.restart(token, claim.lease_id, 2)
    assert texts(store, token)[1] == "Bot: Hi"


def test_a_repeated_restart_drops_the_text_once(mailbox, store, token):
    send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    assert mailbox.restart(token, claim.lease_id, 1)
    mailbox.append(token, claim.lease_id, 2, 0, "Ho")
    assert mailbox.restart(token, claim.lease_id, 1)
    assert texts(store, token)[1] == "Bot: Ho"
    assert not mailbox.restart(token, new_id(), 1)


def test_a_commit_ends_the_reply_and_returns_what_is_queued(mailbox, store, token):
    send(mailbox, token, "one")
    send(mailbox, token, "two")
    claim = must_claim(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    for _ in range(2):  # the repeated commit answers the same and ends nothing else
        committed = mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1)
        assert (committed.owned, committed.queued, committed.sessions_queued) == (True, True, 1)
    reply = store.history(token).messages[1]
    assert (reply["status"], "n" in reply) == ("done", False)
    assert must_claim(mailbox, token).messages[-1]["msg"] == "Human: two"


def test_a_worker_that_lost_its_lease_cannot_commit(mailbox, store, client, token):
    send(mailbox, token, "one")
    old = must_claim(mailbox, token)
    end_lease(client, token)
    must_claim(mailbox, token)
    assert not mailbox.commit(token, old.lease_id, old.reply_id, 1, 0).owned
    assert store.history(token).messages[1]["status"] == "streaming"


def test_a_reply_whose_end_redis_has_forgotten_is_not_committed(mailbox, store, client, token):
    send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    for attempt, n in ((1, 2), (2, 1)):
        assert not mailbox.commit(token, claim.lease_id, claim.reply_id, attempt, n).owned
    assert store.history(token).messages[1]["status"] == "streaming"
    end_lease(client, token)
    assert must_claim(mailbox, token).text == "Hi"


def test_each_reply_is_stored_behind_its_message(mailbox, store, token):
    for text in "abc":
        send(mailbox, token, text)
    for text in "abc":
        claim = must_claim(mailbox, token)
        mailbox.append(token, claim.lease_id, 1, 0, text.upper())
        mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1)
    assert texts(store, token) == [
        *("Human: a", "Bot: A", "Human: b", "Bot: B", "Human: c", "Bot: C")
    ]


def test_no_session_is_queued_or_leased_when_all_messages_are_answered(mailbox, client, token):
    for text in "ab":
        send(mailbox, token, text)
    for _ in "ab":
        claim = must_claim(mailbox, token)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 0)
    assert [client.zcard(key) for key in (QUEUED, LEASED, UNSTARTED)] == [0, 0, 0]
