"""Answering the last message again, with another text, and the old reply that comes back."""

from __future__ import annotations

import pytest

from chat.errors import UnknownMessage
from chat.ids import new_id
from chat.mailbox import MAX_CLAIMS, Accepted
from tests.chat.mailbox_steps import (
    answer,
    end_lease,
    must_claim,
    published_events,
    published_frames,
    send,
    texts,
)


@pytest.fixture
def message_id(mailbox, token) -> str:
    """The last message of the session, with a reply."""
    message_id = send(mailbox, token, "one")
    answer(mailbox, token, "old", finish="length", model="gpt-j")
    return message_id


def fail(mailbox, client, token, message_id) -> None:
    answer(mailbox, token, error="model_unavailable")


def stop_before_it_starts(mailbox, client, token, message_id) -> None:
    mailbox.stop(token, message_id)


def stop_before_its_first_word(mailbox, client, token, message_id) -> None:
    must_claim(mailbox, token)
    mailbox.stop(token, message_id)


def kill_its_workers(mailbox, client, token, message_id) -> None:
    for _ in range(MAX_CLAIMS):
        must_claim(mailbox, token)
        end_lease(client, token)
    mailbox.claim(token, new_id(), 4)


ends_without_text = pytest.mark.parametrize(
    "end", [fail, stop_before_it_starts, stop_before_its_first_word, kill_its_workers]
)


@ends_without_text
def test_the_old_reply_is_back_if_the_new_one_ends_without_text(
    mailbox, store, client, token, message_id, end
):
    before = store.history(token).messages
    mailbox.retry(token, message_id)
    assert texts(store, token) == ["Human: one"]
    with published_events(client, token) as events:
        end(mailbox, client, token, message_id)
    assert store.history(token).messages == before
    failed = ["failed"] if end in (fail, kill_its_workers) else []
    assert [event.type for event in events] == ["start", *failed, "reply"]
    assert (f'"id":"{before[1]["id"]}"').encode() in events[-1].frame
    mailbox.continue_reply(token, message_id)  # it is what it was
    assert must_claim(mailbox, token).text == "old"


def test_the_frame_of_the_old_reply_has_all_of_its_fields(
    mailbox, store, client, token, message_id
):
    old = store.history(token).messages[1]
    mailbox.retry(token, message_id)
    with published_frames(client, token) as frames:
        answer(mailbox, token, error="model_unavailable")
    assert frames[-1] == {**old, "msg": "old", "type": "message", "source": "bot"}


def test_the_old_reply_is_back_behind_its_message_while_others_wait(
    mailbox, store, token, message_id
):
    mailbox.retry(token, message_id)
    send(mailbox, token, "two")
    answer(mailbox, token, error="model_unavailable")
    answer(mailbox, token, "second")
    assert texts(store, token) == ["Human: one", "Bot: old", "Human: two", "Bot: second"]


def test_the_end_of_a_failed_retry_is_repeated_safely(mailbox, store, token, message_id):
    mailbox.retry(token, message_id)
    claim = must_claim(mailbox, token)
    for _ in range(2):
        end = (claim.lease_id, claim.reply_id, 1, 0, "model_unavailable")
        assert mailbox.commit(token, *end).owned
    assert texts(store, token)[1] == "Bot: old"


def test_a_reply_with_text_replaces_the_old_one_for_good(mailbox, store, token, message_id):
    mailbox.retry(token, message_id)
    claim = must_claim(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "new")
    mailbox.stop(token, message_id)
    assert texts(store, token)[1] == "Bot: new"
    send(mailbox, token, "two")
    answer(mailbox, token, error="model_unavailable")
    assert texts(store, token)[3] == "Bot: "


def test_an_old_reply_without_text_does_not_come_back(mailbox, store, token):
    message_id = send(mailbox, token, "one")
    answer(mailbox, token, error="model_timeout")
    mailbox.retry(token, message_id)
    answer(mailbox, token, error="model_refused")
    assert store.history(token).messages[1]["error"] == "model_refused"


def test_an_erased_session_leaves_no_old_reply(mailbox, store, client, token, message_id):
    mailbox.retry(token, message_id)
    store.erase(token)
    assert client.keys() == [f"chat:erased:{token}"]


# A retry with a new text


def test_a_retry_with_a_new_text_replaces_that_of_the_message(
    mailbox, store, client, token, message_id
):
    with published_frames(client, token) as frames:
        assert mailbox.retry(token, message_id, "two") == Accepted(0, must_enqueue=True)
    (human,) = frames
    assert (human["type"], human["id"], human["msg"]) == ("message", message_id, "two")
    assert human["timestamp"] == store.history(token).messages[0]["timestamp"]
    assert texts(store, token) == ["Human: two"]
    assert answer(mailbox, token, "new").messages[-1]["msg"] == "Human: two"
    assert texts(store, token) == ["Human: two", "Bot: new"]


@ends_without_text
def test_the_reply_to_the_old_text_does_not_come_back(
    mailbox, store, client, token, message_id, end
):
    mailbox.retry(token, message_id, "two")
    end(mailbox, client, token, message_id)
    assert texts(store, token) == ["Human: two", "Bot: "]


def test_the_old_reply_is_back_if_the_new_text_is_the_old_one(mailbox, store, token, message_id):
    mailbox.retry(token, message_id, "one")
    answer(mailbox, token, error="model_unavailable")
    assert texts(store, token) == ["Human: one", "Bot: old"]


def test_a_new_text_for_a_message_that_is_being_answered_changes_nothing(
    mailbox, store, client, token, message_id
):
    mailbox.retry(token, message_id, "two")
    with published_frames(client, token) as frames:
        mailbox.retry(token, message_id, "three")
        must_claim(mailbox, token)
        mailbox.retry(token, message_id, "three")
    assert [frame["type"] for frame in frames] == ["start"]
    assert texts(store, token)[0] == "Human: two"


def test_a_new_text_for_another_message_is_refused(mailbox, store, token, message_id):
    send(mailbox, token, "two")
    with pytest.raises(UnknownMessage):
        mailbox.retry(token, message_id, "three")
    assert texts(store, token)[0] == "Human: one"
