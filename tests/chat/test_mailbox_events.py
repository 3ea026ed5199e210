"""The events that the steps publish."""

from __future__ import annotations

import json

import pytest

from chat.server_frames import DeltaSchema, MessageFrameSchema, StartSchema, WaitSchema
from chat.session_schema import BOT, HUMAN
from tests.chat.mailbox_steps import must_claim, published_events, published_frames, send, texts

SCHEMAS = {
    "human": MessageFrameSchema(),
    "reply": MessageFrameSchema(),
    "failed": MessageFrameSchema(),
    "start": StartSchema(),
    "delta": DeltaSchema(),
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
        mailbox.append(token, claim.lease_id, 1, 0, text)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1, text=text)
        send(mailbox, token, text)
        claim = must_claim(mailbox, token)
        mailbox.restart(token, claim.lease_id, 1)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 2, 0, "model_timeout")
        mailbox.stop(token, send(mailbox, token, text))
        store.erase(token)
    erased = events.pop()
    assert (erased.type, erased.frame) == ("erased", b"")
    frames: dict[str, list[dict]] = {kind: [] for kind in SCHEMAS}
    for event in events:
        frame = json.loads(event.frame)
        tag = BOT if "reply_to" in frame else HUMAN
        assert frame == SCHEMAS[event.type].dump({**frame, "msg": f"{tag}{frame.get('msg')}"})
        frames[event.type].append(frame)
    assert all(frames.values())
    assert [frame["msg"] for frame in frames["human"]] == [text] * 3
    assert [frame["text"] for frame in frames["delta"]] == [text] * 2
    assert [frame["msg"] for frame in frames["reply"]] == [text * 2, ""]
    assert [frame["error"] for frame in frames["failed"]] == ["model_timeout"]


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
    assert kinds == ["human", "start", "delta", "start", "reply", "start", "reply"]
    assert [event.prev_rev for event in events] == [0, *(event.rev for event in events[:-1])]
    assert store.revisions([token, "none"]) == {token: events[-1].rev, "none": None}
