"""The lease of a session: claim, renew, release."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from chat.ids import new_id
from chat.mailbox import MAX_CLAIMS
from tests.chat.mailbox_steps import end_lease, must_claim, renew, send


def test_a_claim_takes_the_oldest_message_and_starts_its_reply(mailbox, store, token):
    first = send(mailbox, token, "one")
    send(mailbox, token, "two")
    claim = must_claim(mailbox, token)
    assert [message["msg"] for message in claim.messages] == ["Human: one"]
    assert (claim.text, claim.deltas, claim.attempt) == ("", 0, 1)
    reply = store.history(token).messages[1]
    assert reply["id"] == claim.reply_id
    assert (reply["reply_to"], reply["status"], reply["msg"]) == (first, "streaming", "Bot: ")


def test_only_one_of_several_simultaneous_claims_gets_the_lease(mailbox, token):
    send(mailbox, token, "one")
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: mailbox.claim(token, new_id(), 4), range(8)))
    assert sum(claim is not None for claim in claims) == 1


def test_a_repeated_claim_answers_the_same(mailbox, store, token):
    send(mailbox, token, "one")
    lease_id = new_id()
    first, again = must_claim(mailbox, token, lease_id), must_claim(mailbox, token, lease_id)
    assert (again.reply_id, again.text, again.attempt) == (first.reply_id, "", 1)
    assert len(store.history(token).messages) == 2


def test_a_claim_that_resumes_a_reply_still_does_so_when_it_is_repeated(mailbox, client, token):
    send(mailbox, token, "one")
    assert not must_claim(mailbox, token).resumed
    end_lease(client, token)
    lease_id = new_id()
    for _ in range(2):
        assert must_claim(mailbox, token, lease_id).resumed


def test_a_session_without_an_unanswered_message_cannot_be_claimed(mailbox, token):
    assert mailbox.claim(token, new_id(), 4) is None
    assert mailbox.claim(new_id(), new_id(), 4) is None


def test_a_claim_after_a_worker_has_died_continues_its_partial_text(mailbox, client, token):
    send(mailbox, token, "one")
    dead = must_claim(mailbox, token)
    mailbox.append(token, dead.lease_id, 1, 0, "Hel")
    end_lease(client, token)
    claim = must_claim(mailbox, token)
    assert (claim.reply_id, claim.text, claim.deltas, claim.attempt) == (dead.reply_id, "Hel", 1, 1)


def test_a_message_whose_workers_keep_dying_fails_and_the_next_one_is_claimed(
    mailbox, store, client, token
):
    send(mailbox, token, "poison")
    second = send(mailbox, token, "two")
    for _ in range(MAX_CLAIMS):
        assert must_claim(mailbox, token).messages[-1]["msg"] == "Human: poison"
        end_lease(client, token)
    claim = must_claim(mailbox, token)
    assert (claim.messages[-1]["id"], claim.resumed) == (second, False)
    failed = store.history(token).messages[1]
    assert (failed["status"], failed["error"]) == ("failed", "internal")


def test_a_worker_that_appended_text_before_it_died_does_not_count_towards_the_limit(
    mailbox, client, token
):
    send(mailbox, token, "slow")
    for n in range(2 * MAX_CLAIMS):
        claim = must_claim(mailbox, token)
        assert claim.deltas == n
        mailbox.append(token, claim.lease_id, 1, n, "word ")
        end_lease(client, token)


def test_no_other_worker_can_claim_a_session_whose_lease_was_renewed(mailbox, client, token):
    send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    end_lease(client, token)
    assert renew(mailbox, (token, claim.lease_id), (token, new_id())) == [True, False]
    assert mailbox.claim(token, new_id(), 4) is None


def test_a_released_session_can_be_claimed_at_once_with_its_partial_text(mailbox, token):
    send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    assert mailbox.release(token, claim.lease_id)
    assert mailbox.release(token, claim.lease_id)
    assert must_claim(mailbox, token).text == "Hi"


def test_a_released_lease_does_not_count_as_a_dead_worker(mailbox, token):
    send(mailbox, token, "slow")
    for _ in range(2 * MAX_CLAIMS):
        mailbox.release(token, must_claim(mailbox, token).lease_id)
    assert must_claim(mailbox, token).messages[-1]["msg"] == "Human: slow"
