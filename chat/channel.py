"""The pub/sub channel of a session: publishing to it, and the connection that listens to it.

A payload is ``REV PREV_REV TYPE FRAME``: the session's revision, the revision before it, the type
of the event, and its frame of ``chat.events.v1``, in the bytes that are sent to WebSockets. So a
web process compares the revisions and forwards the frame; it parses no JSON.

The steps in ``scripts/`` publish what changes a session: ``human`` (a message), ``start``,
``delta``, ``reply`` (a reply has ended), ``failed`` (a reply has failed), ``retried`` (the last
reply was dropped; no frame), ``erased`` (no frame).
``wait`` and ``thinking`` change nothing. Such an event has the revision 0, and its second number is
the last revision at which it holds, 0 for any.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import redis
from redis.connection import Connection

# The listener pings after this many seconds of silence. A connection that is dead without a sign is
# noticed after twice this time.
PING_INTERVAL = 5.0

# The listener lets other greenlets run after so many reads, even if there is more to read.
_READS_PER_TURN = 10

_PREFIX = "chat:"


def channel(token: str) -> str:
    """Return the name of a session's channel."""
    return _PREFIX + token


class SessionEvent(NamedTuple):
    """Something that happened to a session."""

    token: str
    type: str
    frame: bytes  # JSON in UTF-8
    rev: int | None  # None: the event does not change the session
    prev_rev: int | None  # the revision before `rev`
    # Of an event without `rev`: the last revision at which it holds; None: it holds at any.
    last_rev: int | None = None


class Subscribed(NamedTuple):
    """Redis has confirmed the subscription: later events of the session arrive."""

    token: str


class MalformedEvent(Exception):
    """A payload on a session's channel that is not an event."""


def publish(client: redis.Redis, token: str, event_type: str, frame: str) -> None:
    """Publish an event that does not change the session. The steps publish all others."""
    client.publish(channel(token), f"0 0 {event_type} {frame}")


def parse_event(token: str, payload: bytes) -> SessionEvent:
    """Return the event in a payload of a session's channel.

    Raises:
        MalformedEvent: The payload is not an event.
    """
    try:
        rev, prev_rev, event_type, frame = payload.split(b" ", 3)
        if rev == b"0":
            last_rev = int(prev_rev) or None
            return SessionEvent(token, event_type.decode(), frame, None, None, last_rev)
        return SessionEvent(token, event_type.decode(), frame, int(rev), int(prev_rev))
    except ValueError as error:
        raise MalformedEvent(type(error).__name__) from None


class Listener:
    """One pub/sub connection. One thread reads it; any thread may change the subscriptions.

    redis-py's ``PubSub`` reconnects and subscribes again silently, in whichever thread notices.
    Here only the reader connects, so the reader knows when events may have been missed.
    """

    def __init__(self, client: redis.Redis) -> None:
        pool = client.connection_pool
        self._connection: Connection = pool.connection_class(**pool.connection_kwargs)
        self._send_lock = threading.Lock()
        self._connected = False
        self._ping_sent = False
        self._reads = 0

    def connect(self) -> None:
        """Connect, or reconnect. No subscription is left afterwards.

        Raises:
            redis.ConnectionError, redis.TimeoutError: Redis cannot be reached.
        """
        self._connected = self._ping_sent = False
        self._connection.disconnect()
        self._connection.connect()
        with self._send_lock:  # a sender may still be failing with the old connection
            self._connected = True

    def subscribe(self, tokens: Iterable[str]) -> None:
        """Subscribe to sessions. `read` returns `Subscribed` for each once Redis confirms it."""
        self._send("SUBSCRIBE", tokens)

    def unsubscribe(self, tokens: Iterable[str]) -> None:
        """End the subscriptions to sessions."""
        self._send("UNSUBSCRIBE", tokens)

    def _send(self, command: str, tokens: Iterable[str] = ()) -> None:
        """Send a command. Without a connection do nothing: the reader connects and subscribes.

        redis-py's own `send_command` reconnects by itself, and when it fails closes the connection
        while the reader uses it (8.1).
        """
        names = [channel(token) for token in tokens]
        with self._send_lock:
            sock: socket.socket | None = self._connection._sock
            if not self._connected or sock is None:
                return
            try:
                sock.sendall(b"".join(self._connection.pack_command(command, *names)))
            except OSError:
                # Half a command may have been sent, so the connection cannot be used any more. The
                # reader notices that it is closed.
                if self._connection._sock is sock:
                    self._connected = False
                with suppress(OSError):  # it is closed already
                    sock.shutdown(socket.SHUT_RDWR)

    def read(self) -> SessionEvent | Subscribed | None:
        """Wait for the next event, for `PING_INTERVAL` at most. Returns None for anything else.

        Raises:
            redis.ConnectionError: The connection is lost. Call `connect`.
            MalformedEvent: A payload is not an event. The next call reads on.
        """
        # gevent does not leave a greenlet whose socket has data, so nothing else would run while
        # events arrive faster than they are delivered. `can_read` goes through gevent's event loop
        # even then. It takes as long as all else that is done for an event.
        self._reads += 1
        try:
            if self._reads % _READS_PER_TURN == 0 and not self._connection.can_read(PING_INTERVAL):
                raise redis.TimeoutError
            kind, *rest = self._connection.read_response(
                disable_decoding=True, disconnect_on_error=False, timeout=PING_INTERVAL
            )
        except redis.TimeoutError:
            if self._ping_sent or not self._connected:
                raise redis.ConnectionError("the connection is dead") from None
            self._ping_sent = True
            self._send("PING")
            return None
        self._ping_sent = False
        if kind not in (b"subscribe", b"message"):
            return None
        token = rest[0].decode().removeprefix(_PREFIX)
        return Subscribed(token) if kind == b"subscribe" else parse_event(token, rest[1])
