"""One question to a model, which any thread may call off."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

from chat.errors import ModelTimeout


class Cancelled(Exception):
    """The question was called off."""


class Call:
    """A question that has a deadline and a connection of its own.

    Closing a response from another thread waits for the reader; shutting down its socket does not.
    """

    def __init__(self, deadline: float) -> None:
        """``deadline`` is in seconds of the monotonic clock."""
        self._deadline = deadline
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._socket: socket.socket | None = None

    def cancel(self) -> None:
        """Call the question off, and close its connection at once. May be repeated."""
        with self._lock:
            self._cancelled.set()
            self._shut_down()

    def attach(self, connection: socket.socket) -> None:
        """Have this connection closed by `cancel`."""
        with self._lock:
            self._socket = connection
            if self._cancelled.is_set():
                self._shut_down()

    def left(self) -> float:
        """Return the seconds until the deadline.

        Raises:
            Cancelled: The question was called off.
            ModelTimeout: There are none.
        """
        if self._cancelled.is_set():
            raise Cancelled
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise ModelTimeout("the deadline is over")
        return left

    def limit(self) -> None:
        """Let the connection's next read wait until the deadline; raises as `left`."""
        left = self.left()
        if self._socket:
            self._socket.settimeout(left)

    def sleep(self, seconds: float) -> None:
        """Wait, until the deadline at most; raises as `left`."""
        self._cancelled.wait(min(seconds, self.left()))
        self.left()

    def _shut_down(self) -> None:
        if self._socket:
            with suppress(OSError):  # it has ended already
                self._socket.shutdown(socket.SHUT_RDWR)
