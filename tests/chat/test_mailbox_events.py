"""The events that the steps publish."""

from __future__ import annotations

import pytest

from tests.chat.mailbox_steps import must_claim, published_events, send, texts


@pytest.mark.parametrize("text", ['quote " and \\ slash', "nul \x00 tab \t", "😀é\u2028", "[]{}"])
def test_text_is_stored_and_published_unchanged(mailbox, store, client, token, text):
    with published_events(client, token) as events:
        send(mailbox, token, text)
        claim = must_claim(mailbox, token)
        mailbox.append(token, claim.lease_id, 1, 0, text)
    assert texts(store, token) == ["Human: " + text, "Bot: " + text]
    assert events[0]["message"]["msg"] == "Human: " + text
    assert events[-1]["text"] == text


def test_each_event_names_the_revision_before_it(mailbox, store, client, token):
    with published_events(client, token) as events:
        message_id = send(mailbox, token, "one")
        claim = must_claim(mailbox, token)
        mailbox.append(token, claim.lease_id, 1, 0, "Hi")
        mailbox.restart(token, claim.lease_id, 1)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 2, 0)
        mailbox.retry(token, message_id)
        mailbox.stop(token, message_id)
    kinds = [event["type"] for event in events]
    assert kinds == ["message", "start", "delta", "start", "message", "start", "message"]
    assert [event["prev"] for event in events] == ["0", *(event["rev"] for event in events[:-1])]
    assert store.revisions([token, "none"]) == {token: int(events[-1]["rev"]), "none": None}
