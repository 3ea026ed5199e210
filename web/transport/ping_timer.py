"""When to ping one client, and whether a client has left a ping unanswered."""

from __future__ import annotations

import math


class PingTimer:
    """The keepalive state of one WebSocket. Anything that the client sends answers a ping.

    ``deadline`` is when to send the next ping or, after a ping, when to check that the client has
    answered. All times are in seconds of the monotonic clock.
    """

    __slots__ = ("_interval", "_ping_sent_at", "_reading_since", "_timeout", "deadline")

    def __init__(self, interval: float, timeout: float, now: float) -> None:
        """``interval`` is between two pings, ``timeout`` for an answer; both in seconds."""
        self.deadline = now + interval
        self._interval = interval
        self._timeout = timeout
        self._ping_sent_at: float | None = None  # None: no ping is unanswered
        self._reading_since = math.inf  # inf: nobody reads from the socket

    def ping_sent(self, now: float) -> None:
        """Start the timeout for the client's answer."""
        self._ping_sent_at = now
        self.deadline = now + self._timeout

    @property
    def is_unanswered(self) -> bool:
        """Whether nothing arrived since the ping, though the server was reading all the time.

        While the server does not read, it cannot know whether the client has answered.
        """
        return self._ping_sent_at is not None and self._reading_since <= self._ping_sent_at

    def read_started(self, now: float) -> None:
        """Note that the server begins to wait for data."""
        self._reading_since = now

    def read_ended(self, data: bytes) -> None:
        """Note that the server has read ``data``, which is b"" at the end of the stream."""
        self._reading_since = math.inf
        if data and self._ping_sent_at is not None:
            self.deadline = self._ping_sent_at + self._interval
            self._ping_sent_at = None

    def stop(self) -> None:
        """Send no more pings."""
        self.deadline = math.inf
        self._ping_sent_at = None
