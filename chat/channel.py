"""The channel of a session: what its steps publish, and the one connection that listens.

An event is what happened to a session: ``message`` (a human one, or a reply that ended),
``start``, ``delta``, ``erased``; and ``wait``, which is not part of the history. All but ``wait``
bear the session's revision and the one before it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis
from redis.connection import Connection

# A link that is silently dead is found by a ping of our own, in this many seconds at most twice.
PING_AFTER = 5.0

_PREFIX = "chat:"


def channel(token: str) -> str:
    """Return the name of a session's channel."""
    return _PREFIX + token


@dataclass(frozen=True)
class Event:
    """Something that happened to a session, as its channel told."""

    token: str
    type: str
    data: dict[str, Any]
    rev: int | None  # None: not part of the history
    prev: int | None


@dataclass(frozen=True)
class Subscribed:
    """Redis has confirmed that a session's events are heard from now on."""

    token: str


def publish(client: redis.Redis, token: str, event: dict[str, Any]) -> None:
    """Tell a session's sockets what is not part of its history; the steps publish the rest."""
    client.publish(channel(token), json.dumps(event))


def _parse(token: str, payload: str) -> Event:
    data = json.loads(payload)
    rev, prev = data.pop("rev", None), data.pop("prev", None)
    return Event(
        token, data.pop("type"), data, int(rev) if rev else None, int(prev) if prev else None
    )


class Listener:
    """One pub/sub connection; one thread reads it, any may change what it hears.

    redis-py's own ``PubSub`` reconnects and subscribes anew in silence, in whichever thread
    noticed; here the reader alone connects, and so knows when events may have been missed.
    """

    def __init__(self, client: redis.Redis) -> None:
        pool = client.connection_pool
        self._connection: Connection = pool.connection_class(**pool.connection_kwargs)
        self._sending = threading.Lock()
        self._pinged = False

    def connect(self, tokens: Iterable[str]) -> None:
        """Connect, anew if need be, and ask for the events of ``tokens``."""
        with self._sending:
            self._connection.disconnect()
            self._pinged = False
            self._connection.connect()
        self._send("SUBSCRIBE", list(tokens))

    def subscribe(self, token: str) -> None:
        """Ask for a session's events; `read` returns `Subscribed` once they are heard."""
        self._send("SUBSCRIBE", [token])

    def unsubscribe(self, token: str) -> None:
        """Hear no more of a session."""
        self._send("UNSUBSCRIBE", [token])

    def _send(self, command: str, tokens: list[str]) -> None:
        with self._sending:
            if tokens and self._connection.is_connected:
                names = [channel(token) for token in tokens]
                self._connection.send_command(command, *names, check_health=False)

    def read(self) -> Event | Subscribed | None:
        """Wait for the next event, `PING_AFTER` seconds at most; None is nothing of interest.

        Raises:
            redis.ConnectionError: The connection is gone; `connect` makes another.
            ValueError, KeyError: A payload that is no event; the next call reads on.
        """
        if not self._connection.can_read(timeout=PING_AFTER):
            if self._pinged:
                raise redis.ConnectionError("no answer to a ping")
            with self._sending:
                self._pinged = True
                self._connection.send_command("PING", check_health=False)
            return None
        self._pinged = False
        kind, *rest = self._connection.read_response(disconnect_on_error=False)
        if kind not in ("subscribe", "message"):
            return None
        token = rest[0].removeprefix(_PREFIX)
        return Subscribed(token) if kind == "subscribe" else _parse(token, rest[1])
