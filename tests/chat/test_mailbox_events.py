"""The events that the steps publish."""

from __future__ import annotations

import json

import pytest

from chat.ids import new_id
from chat.server_frames import (
    DeltaSchema,
    MessageFrameSchema,
    StartSchema,
    ThinkingSchema,
    WaitSchema,
)
from chat.session_schema import BOT, HUMAN
from tests.chat.mailbox_steps import must_claim, published_events, published_frames, send, texts

SCHEMAS = {
    "human": MessageFrameSchema(),
    "reply": MessageFrameSchema(),
    "failed": MessageFrameSchema(),
    "start": StartSchema(),
    "delta": DeltaSchema(),
    "thinking": ThinkingSchema(),
    "wait": WaitSchema(),
}


@pytest.mark.parametrize("text", ['quote " and \\ slash', "nul \x00 tab \t", "😀é\u2028", "[]{}"])
def test_text_is_stored_and_published_unchanged(mailbox, store, client, token, text):
    with published_frames(client, token) as frames:
        send(mailbox, token, text)
        claim = must_claim(mailbox, token)
        mailbox.append(token, claim.lease_id, 1, 0, text)
    assert texts(store, token) == ["Human: " + text, "Bot: " + text]
    assert frames[0]["msg"] == text
    assert frames[-1]["text"] == text


@pytest.mark.parametrize("text", ['quote " and / and \\', "nul \x00 tab \t", "😀é\u2028", "Bot: x"])
def test_each_frame_is_published_as_its_schema_dumps_it(mailbox, store, client, token, text):
    with published_events(client, token) as events:
        send(mailbox, token, text)
        claim = must_claim(mailbox, token)
        mailbox.publish_wait(token, claim.message_id, "busy", 1.5)
        mailbox.publish_thinking(token, claim.reply_id, claim.message_id)
        mailbox.append(token, claim.lease_id, 1, 0, text)
        end = (claim.lease_id, claim.reply_id, 1, 1)
        mailbox.commit(token, *end, text=text, finish="length", model="gpt-j")
        mailbox.continue_reply(token, claim.message_id)
        claim = must_claim(mailbox, token)
        mailbox.restart(token, claim.lease_id, 1)
        why = {"error": "model_timeout", "error_msg": "Too slow."}
        mailbox.commit(token, claim.lease_id, claim.reply_id, 2, 1, **why)
        mailbox.retry(token, claim.message_id, text + "!")
        mailbox.stop(token, claim.message_id)
        store.erase(token)
    erased = events.pop()
    assert (erased.type, erased.frame) == ("erased", b"")
    frames: dict[str, list[dict]] = {kind: [] for kind in SCHEMAS}
    for event in events:
        frame = json.loads(event.frame)
        tag = {"bot": BOT, "human": HUMAN}.get(frame.get("source"))
        stored = {**frame, "msg": tag + frame["msg"]} if tag else frame
        assert frame == SCHEMAS[event.type].dump(stored)
        frames[event.type].append(frame)
    assert all(frames.values())
    assert [frame["msg"] for frame in frames["human"]] == [text, text + "!"]
    assert [frame["text"] for frame in frames["delta"]] == [text] * 2
    starts = [(frame.get("msg"), frame.get("n")) for frame in frames["start"]]
    assert starts == [(None, None), (text * 2, 1), (text * 2, 1), (None, None)]
    done, stopped = frames["reply"]
    assert (done["msg"], done["finish"], done["model"]) == (text * 2, "length", "gpt-j")
    assert (stopped["msg"], stopped["status"]) == ("", "stopped")
    assert not stopped.keys() & {"finish", "model", "error"}
    (failed,) = frames["failed"]
    assert (failed["msg"], failed["error"]) == (text * 2, "model_timeout")
    assert failed["error_msg"] == "Too slow."
    assert not failed.keys() & {"finish", "model"}


def test_each_event_names_the_revision_before_it(mailbox, store, client, token):
    with published_events(client, token) as events:
        message_id = send(mailbox, token, "one")
        claim = must_claim(mailbox, token)
        mailbox.append(token, claim.lease_id, 1, 0, "Hi")
        mailbox.restart(token, claim.lease_id, 1)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 2, 0)
        mailbox.retry(token, message_id)
        mailbox.stop(token, message_id)
    kinds = [event.type for event in events]
    assert kinds == ["human", "start", "delta", "start", "reply", "retried", "start", "reply"]
    assert [event.prev_rev for event in events] == [0, *(event.rev for event in events[:-1])]
    assert store.revisions([token, "none"]) == {token: events[-1].rev, "none": None}


def test_a_thinking_event_holds_only_until_the_session_changes(mailbox, client, token):
    with published_events(client, token) as events:
        send(mailbox, token, "one")
        claim = must_claim(mailbox, token)
        mailbox.publish_thinking(token, claim.reply_id, claim.message_id)
    start, thinking = events[-2:]
    assert (thinking.rev, thinking.last_rev) == (None, start.rev)


def test_a_worker_whose_reply_has_ended_publishes_no_thinking(mailbox, client, token):
    message_id = send(mailbox, token, "one")
    claim = must_claim(mailbox, token)
    mailbox.stop(token, message_id)
    with published_events(client, token) as events:
        mailbox.publish_thinking(token, claim.reply_id, message_id)
        mailbox.publish_thinking(new_id(), claim.reply_id, message_id)
    assert events == []
