"""The requests for one reply: their common deadline, and their cancellation from any thread."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf

from chat.errors import ModelTimeout


class Cancelled(Exception):
    """The call was cancelled."""


class Call:
    """The requests for one reply, one after the other. They share a deadline.

    `cancel` shuts down the socket of the current request, and no other one: the connection may
    have served other calls before and may serve others afterwards. Closing the response instead
    would block: `close` waits for the thread that reads.
    """

    def __init__(self, deadline: float) -> None:
        """``deadline`` is in seconds of the monotonic clock."""
        self._deadline = deadline
        self._limit = inf  # an earlier deadline, for a part of the call
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._resent = False
        self._cancellable_socket: socket.socket | None = None

    def cancel(self) -> None:
        """Cancel the call, and shut its socket down at once. Any thread may do so, repeatedly."""
        with self._lock:
            self._cancelled.set()
            self._shut_down()

    def shut_down_on_cancel(self, tcp_socket: socket.socket) -> None:
        """Let `cancel` shut ``tcp_socket`` down, even before it is connected or has done TLS."""
        with self._lock:
            self._forget_socket()
            # A duplicate, since the ssl module detaches the original when TLS begins. A TLS socket
            # has no method for that.
            self._cancellable_socket = socket.socket(fileno=os.dup(tcp_socket.fileno()))
            if self._cancelled.is_set():
                self._shut_down()

    def forget_socket(self) -> None:
        """Touch the socket of the last request no more. Its owner keeps or closes it."""
        with self._lock:
            self._forget_socket()

    def may_resend(self) -> bool:
        """Whether a request may be sent again since its kept connection was closed: once a reply.

        RFC 9112 (9.3.1) tells clients to expect that a server closes an idle connection at any
        time. RFC 9110 (9.2.2) advises against a repeated POST unless the client can tell that the
        server has not acted on it. If not a byte of the answer came, a server has nearly always
        closed the connection for its age and has not read the request. In the worst case a
        generation is paid for twice, as with each other failed request that is repeated.
        """
        resent, self._resent = self._resent, True
        return not resent

    @property
    def cancelled(self) -> bool:
        """Whether the call was cancelled."""
        return self._cancelled.is_set()

    def time_left(self) -> float:
        """Return the seconds until the deadline, or until the limit for a part, more than 0.

        Raises:
            Cancelled: The call was cancelled.
            ModelTimeout: The deadline is over, or the limit is.
        """
        if self._cancelled.is_set():
            raise Cancelled
        now = time.monotonic()
        if self._deadline <= now:
            raise ModelTimeout("the deadline is over")
        if self._limit <= now:
            raise ModelTimeout("no answer for too long")
        return min(self._deadline, self._limit) - now

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Let the block raise ModelTimeout after ``seconds``, although the call may go on."""
        outer = self._limit
        self._limit = min(outer, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._limit = outer

    def limit_silence(self, share: float) -> None:
        """Raise ModelTimeout once this share of the time that is left is over.

        It is called again after each sign of life.
        """
        now = time.monotonic()
        self._limit = now + max(self._deadline - now, 0.0) * share

    def lift_limit(self) -> None:
        """Let only the deadline end the call."""
        self._limit = inf

    def sleep(self, seconds: float) -> None:
        """Sleep, at most until the deadline. Raises as `time_left`."""
        self._cancelled.wait(min(seconds, self.time_left()))
        self.time_left()

    def _shut_down(self) -> None:
        if self._cancellable_socket:
            with suppress(OSError):  # the connection has ended already
                self._cancellable_socket.shutdown(socket.SHUT_RDWR)

    def _forget_socket(self) -> None:
        if self._cancellable_socket:
            self._cancellable_socket.close()
        self._cancellable_socket = None
