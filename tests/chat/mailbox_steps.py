"""What the tests of the mailbox do to a session, and read from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from chat.channel import channel
from chat.ids import new_id
from chat.mailbox import Claim, Mailbox
from chat.session_store import LEASED, SessionStore


def send(mailbox: Mailbox, token: str, text: str) -> str:
    """Accept a human message with a new id. Returns the id."""
    message_id = new_id()
    mailbox.accept(token, message_id, text)
    return message_id


def must_claim(mailbox: Mailbox, token: str, lease_id: str | None = None) -> Claim:
    """Claim the session's next message, which must be possible."""
    claim = mailbox.claim(token, lease_id or new_id(), 40)
    assert claim is not None
    return claim


def texts(store: SessionStore, token: str) -> list[str]:
    """Return the stored texts of all messages."""
    return [message["msg"] for message in store.history(token).messages]


def end_lease(client: redis.Redis, token: str) -> None:
    """Set the end of the session's lease to a time in the past, as if its worker had died."""
    client.zadd(LEASED, {token: 1})


@contextmanager
def published_events(client: redis.Redis, token: str) -> Iterator[list[dict[str, Any]]]:
    """Collect the events that are published for a session while the block runs."""
    events: list[dict[str, Any]] = []
    with client.pubsub() as pubsub:
        pubsub.subscribe(channel(token))
        assert pubsub.get_message(timeout=5)["type"] == "subscribe"
        yield events
        client.publish(channel(token), "the end")
        while (data := pubsub.get_message(timeout=5)["data"]) != "the end":
            events.append(json.loads(data))
