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
        self._line: socket.socket | None = None
        self._socket: socket.socket | None = None

    def cancel(self) -> None:
        """Call the question off, and close its connection at once. May be repeated."""
        with self._lock:
            self._cancelled.set()
            self._shut_down()

    def hold(self, line: socket.socket) -> None:
        """Have this connection closed by `cancel`, though it be not yet made, or put under TLS."""
        with self._lock:
            self._let_go()
            self._line = line.dup()
            if self._cancelled.is_set():
                self._shut_down()

    def let_go(self) -> None:
        """Forget the connection; it is closed when its owner closes it."""
        with self._lock:
            self._let_go()

    def attach(self, connection: socket.socket) -> None:
        """Have the reads of this connection, as it is read from, end by `limit`."""
        self._socket = connection

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
            with suppress(OSError):  # it is closed as soon as all has come
                self._socket.settimeout(left)

    def sleep(self, seconds: float) -> None:
        """Wait, until the deadline at most; raises as `left`."""
        self._cancelled.wait(min(seconds, self.left()))
        self.left()

    def _shut_down(self) -> None:
        if self._line:
            with suppress(OSError):  # it has ended already
                self._line.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._line:
            self._line.close()
        self._line = self._socket = None
