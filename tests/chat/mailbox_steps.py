"""What the tests of the mailbox do to a session, and read from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from chat.channel import SessionEvent, channel, parse_event
from chat.ids import new_id
from chat.mailbox import Claim, Mailbox, Write
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


def answer(mailbox: Mailbox, token: str, text: str = "", **ending: Any) -> Claim:
    """Claim the session's next message, add ``text`` to its reply, and end it; see `commit`."""
    claim = must_claim(mailbox, token)
    end = (claim.lease_id, claim.reply_id, claim.attempt, claim.deltas)
    assert mailbox.commit(token, *end, text=text, **ending).owned
    return claim


def texts(store: SessionStore, token: str) -> list[str]:
    """Return the stored texts of all messages."""
    return [message["msg"] for message in store.history(token).messages]


def end_lease(client: redis.Redis, token: str) -> None:
    """Set the end of the session's lease to a time in the past, as if its worker had died."""
    client.zadd(LEASED, {token: 1})


def renew(mailbox: Mailbox, *leases: tuple[str, str]) -> list[bool]:
    """Extend the lease of each token and lease id, without a delta."""
    return mailbox.write([Write(*lease, attempt=0, n=0, text="", renew=True) for lease in leases])


@contextmanager
def published_frames(client: redis.Redis, token: str) -> Iterator[list[dict[str, Any]]]:
    """Collect the frames of the events that are published for a session while the block runs."""
    frames: list[dict[str, Any]] = []
    with published_events(client, token) as events:
        yield frames
    frames += [json.loads(event.frame) for event in events]


@contextmanager
def published_events(client: redis.Redis, token: str) -> Iterator[list[SessionEvent]]:
    """Collect the events that are published for a session while the block runs."""
    events: list[SessionEvent] = []
    with client.pubsub() as pubsub:
        pubsub.subscribe(channel(token))
        assert pubsub.get_message(timeout=5)["type"] == "subscribe"
        yield events
        client.publish(channel(token), "the end")
        while (data := pubsub.get_message(timeout=5)["data"]) != "the end":
            events.append(parse_event(token, data.encode()))
