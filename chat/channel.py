"""The channel of a session: what its steps publish, and the one connection that listens.

An event is what happened to a session: ``message`` (a human one, or a reply that ended),
``start``, ``delta``, ``erased``; and ``wait``, which is not part of the history. All but ``wait``
bear the session's revision and the one before it.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
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
    prev: int | None  # without `rev`: it holds for a session up to this revision, None for any


@dataclass(frozen=True)
class Subscribed:
    """Redis has confirmed that a session's events are heard from now on."""

    token: str


class MalformedEvent(Exception):
    """A payload on a session's channel that is no event."""


def publish(client: redis.Redis, token: str, event: dict[str, Any]) -> None:
    """Tell a session's sockets what is not part of its history; the steps publish the rest."""
    client.publish(channel(token), json.dumps(event))


def _parse(token: str, payload: str) -> Event:
    try:
        data = json.loads(payload)
        rev, prev = data.pop("rev", None), data.pop("prev", None)
        return Event(
            token, data.pop("type"), data, int(rev) if rev else None, int(prev) if prev else None
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedEvent(type(error).__name__) from None


class Listener:
    """One pub/sub connection; one thread reads it, any may change what it hears.

    redis-py's own ``PubSub`` reconnects and subscribes anew in silence, in whichever thread
    noticed; here the reader alone connects, and so knows when events may have been missed.
    """

    def __init__(self, client: redis.Redis) -> None:
        pool = client.connection_pool
        self._connection: Connection = pool.connection_class(**pool.connection_kwargs)
        self._sending = threading.Lock()
        self._up = False
        self._pinged = False

    def connect(self) -> None:
        """Connect, anew if need be; nothing is heard yet.

        Raises:
            redis.ConnectionError, redis.TimeoutError: Redis is out of reach.
        """
        self._up = self._pinged = False
        self._connection.disconnect()
        self._connection.connect()
        self._up = True

    def subscribe(self, tokens: Iterable[str]) -> None:
        """Ask for the events of sessions; `read` returns `Subscribed` as each is heard."""
        self._send("SUBSCRIBE", tokens)

    def unsubscribe(self, tokens: Iterable[str]) -> None:
        """Hear no more of sessions."""
        self._send("UNSUBSCRIBE", tokens)

    def _send(self, command: str, tokens: Iterable[str] = ()) -> None:
        """Send a command, or nothing while there is no connection: the reader makes one.

        redis-py's own `send_command` would connect again by itself, and close the connection under
        the reader where it fails (8.1).
        """
        names = [channel(token) for token in tokens]
        with self._sending:
            sock: socket.socket | None = self._connection._sock
            if not self._up or sock is None:
                return
            try:
                sock.sendall(b"".join(self._connection.pack_command(command, *names)))
            except OSError:
                # Half a command may be on its way, so this connection is of no more use. The
                # reader notices its end.
                self._up = False
                with suppress(OSError):  # it has ended already
                    sock.shutdown(socket.SHUT_RDWR)

    def read(self) -> Event | Subscribed | None:
        """Wait for the next event, `PING_AFTER` seconds at most; None is nothing of interest.

        Raises:
            redis.ConnectionError: The connection is gone; `connect` makes another.
            MalformedEvent: A payload that is no event; the next call reads on.
        """
        if not self._connection.can_read(timeout=PING_AFTER):
            if self._pinged or not self._up:
                raise redis.ConnectionError("the connection is dead")
            self._pinged = True
            self._send("PING")
            return None
        self._pinged = False
        kind, *rest = self._connection.read_response(disconnect_on_error=False)
        if kind not in ("subscribe", "message"):
            return None
        token = rest[0].removeprefix(_PREFIX)
        return Subscribed(token) if kind == "subscribe" else _parse(token, rest[1])
