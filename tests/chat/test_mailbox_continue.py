"""Continuing a reply that was cut, stopped, or has failed with text."""

from __future__ import annotations

import pytest

from chat.errors import CompleteReply, SessionGone, UnknownMessage
from chat.ids import new_id
from chat.mailbox import MAX_CLAIMS, Accepted
from tests.chat.conftest import TTL
from tests.chat.mailbox_steps import answer, end_lease, must_claim, published_frames, send, texts


@pytest.fixture
def message_id(mailbox, token) -> str:
    """The last message of the session, whose reply was cut by the model's limit."""
    message_id = send(mailbox, token, "one")
    answer(mailbox, token, "Once upon", finish="length", model="gpt-j")
    return message_id


def test_a_continued_reply_streams_again_from_its_text(mailbox, store, client, token, message_id):
    cut = store.history(token).messages[1]
    assert (cut["finish"], cut["model"]) == ("length", "gpt-j")
    with published_frames(client, token) as frames:
        assert mailbox.continue_reply(token, message_id) == Accepted(0, must_enqueue=True)
    assert frames == [
        {
            **{"type": "start", "id": cut["id"], "reply_to": message_id, "attempt": 1},
            **{"msg": "Once upon", "n": 1},
        }
    ]
    reply = store.history(token).messages[1]
    kept = {name: cut[name] for name in ("id", "reply_to", "timestamp", "msg")}
    assert reply == {**kept, "status": "streaming", "n": 1}
    assert client.ttl(token) == -1

    claim = answer(mailbox, token, " a time", finish="stop", model="other")
    assert (claim.reply_id, claim.text, claim.kept_text) == (cut["id"], "Once upon", "Once upon")
    assert (claim.attempt, claim.deltas, claim.resumed) == (1, 1, False)
    done = store.history(token).messages[1]
    ending = {"status": "done", "finish": "stop", "model": "other"}
    assert done == {**kept, **ending, "msg": "Bot: Once upon a time"}
    assert client.ttl(token) == TTL


def test_a_reply_that_is_continued_already_is_accepted_and_nothing_changes(
    mailbox, client, token, message_id
):
    mailbox.continue_reply(token, message_id)
    with published_frames(client, token) as frames:
        # Its task may be lost.
        assert mailbox.continue_reply(token, message_id) == Accepted(0, must_enqueue=True)
        assert mailbox.retry(token, message_id) == Accepted(0, must_enqueue=True)
        claim = must_claim(mailbox, token)
        assert mailbox.continue_reply(token, message_id) == Accepted(0, must_enqueue=False)
    assert frames == []
    assert claim.text == "Once upon"


def test_an_unanswered_message_is_accepted_and_nothing_changes(mailbox, client, token):
    message_id = send(mailbox, token, "one")
    with published_frames(client, token) as frames:
        assert mailbox.continue_reply(token, message_id) == Accepted(0, must_enqueue=True)
    assert frames == []


def test_a_request_that_is_repeated_late_does_not_continue_the_reply_again(
    mailbox, store, token, message_id, monkeypatch
):
    for text in (" a", " time"):
        monkeypatch.setattr("chat.mailbox.new_id", lambda: "the same request")
        mailbox.continue_reply(token, message_id)  # the second call repeats the first one
        monkeypatch.undo()
        if text == " a":
            answer(mailbox, token, text, finish="length")
    assert store.history(token).messages[1]["status"] == "done"
    assert mailbox.continue_reply(token, message_id).must_enqueue
    answer(mailbox, token, " time")
    assert texts(store, token)[1] == "Bot: Once upon a time"


@pytest.mark.parametrize(
    ("text", "ending"), [("Hi", {}), ("Hi", {"finish": "stop"}), ("", {"error": "internal"})]
)
def test_a_complete_reply_and_one_that_failed_without_text_are_not_continued(
    mailbox, store, token, text, ending
):
    message_id = send(mailbox, token, "one")
    answer(mailbox, token, text, **ending)
    before = store.history(token)
    with pytest.raises(CompleteReply):
        mailbox.continue_reply(token, message_id)
    assert store.history(token) == before


def test_only_the_last_message_is_continued(mailbox, token, message_id):
    send(mailbox, token, "two")
    for other in (message_id, new_id()):
        with pytest.raises(UnknownMessage):
            mailbox.continue_reply(token, other)
    with pytest.raises(SessionGone):
        mailbox.continue_reply(new_id(), message_id)


@pytest.mark.parametrize("text", ["", "Hi"])
def test_a_stopped_reply_is_continued(mailbox, store, token, text):
    message_id = send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    if text:
        mailbox.append(token, claim.lease_id, 1, 0, text)
    mailbox.stop(token, message_id)
    mailbox.continue_reply(token, message_id)
    assert not mailbox.append(token, claim.lease_id, 1, 1, " old worker")
    assert not mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1).owned
    assert answer(mailbox, token, " you").reply_id == claim.reply_id
    assert texts(store, token)[1] == f"Bot: {text} you"


def test_a_reply_that_failed_with_text_is_continued_and_keeps_no_error(mailbox, store, token):
    message_id = send(mailbox, token, "one")
    answer(mailbox, token, "Hi", error="model_timeout")
    mailbox.continue_reply(token, message_id)
    answer(mailbox, token, " you")
    reply = store.history(token).messages[1]
    assert (reply["msg"], reply["status"]) == ("Bot: Hi you", "done")
    assert "error" not in reply


def test_a_stop_before_a_new_word_leaves_the_text(mailbox, store, token, message_id):
    for claims in (0, 1):
        mailbox.continue_reply(token, message_id)
        if claims:
            must_claim(mailbox, token)
        mailbox.stop(token, message_id)
        reply = store.history(token).messages[1]
        assert (reply["msg"], reply["status"]) == ("Bot: Once upon", "stopped")


def test_a_continuation_that_fails_leaves_the_text(mailbox, store, client, token, message_id):
    mailbox.continue_reply(token, message_id)
    answer(mailbox, token, error="model_unavailable")
    reply = store.history(token).messages[1]
    assert (reply["msg"], reply["status"]) == ("Bot: Once upon", "failed")
    mailbox.continue_reply(token, message_id)
    for _ in range(MAX_CLAIMS):
        must_claim(mailbox, token)
        end_lease(client, token)
    assert mailbox.claim(token, new_id(), 4) is None
    assert texts(store, token)[1] == "Bot: Once upon"


def test_the_next_worker_of_a_continued_reply_gets_all_of_its_text(
    mailbox, client, token, message_id
):
    mailbox.continue_reply(token, message_id)
    dead = must_claim(mailbox, token)
    mailbox.append(token, dead.lease_id, 1, 1, " a")
    end_lease(client, token)
    claim = must_claim(mailbox, token)
    assert (claim.text, claim.kept_text, claim.deltas) == ("Once upon a", "Once upon", 2)
    assert claim.resumed


@pytest.mark.parametrize("kept", ["Once upon", "\x00😀é"])
def test_a_restart_drops_only_what_came_after_the_continue(mailbox, store, client, token, kept):
    message_id = send(mailbox, token, "one")
    answer(mailbox, token, kept, finish="length")
    mailbox.continue_reply(token, message_id)
    claim = must_claim(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 1, " a é")
    with published_frames(client, token) as frames:
        for _ in range(2):
            assert mailbox.restart(token, claim.lease_id, 1)
    assert [(frame["attempt"], frame["msg"], frame["n"]) for frame in frames] == [(2, kept, 1)]
    assert mailbox.append(token, claim.lease_id, 2, 1, " the")
    assert texts(store, token)[1] == f"Bot: {kept} the"


def test_the_time_of_a_continued_reply_counts_from_its_new_claim(mailbox, token, message_id):
    mailbox.continue_reply(token, message_id)
    assert must_claim(mailbox, token).elapsed < 0.001


@pytest.mark.parametrize("workers_die", [False, True])
def test_nothing_of_a_continue_is_left_for_the_next_message(
    mailbox, client, token, message_id, workers_die
):
    mailbox.continue_reply(token, message_id)
    send(mailbox, token, "two")
    if workers_die:
        for _ in range(MAX_CLAIMS):
            must_claim(mailbox, token)
            end_lease(client, token)
    else:
        answer(mailbox, token)
    claim = must_claim(mailbox, token)
    assert claim.messages[-1]["msg"] == "Human: two"
    assert (claim.text, claim.kept_text, claim.deltas) == ("", "", 0)
