"""The requests for one reply: their common deadline, and their cancellation from any thread."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

from chat.errors import ModelTimeout


class Cancelled(Exception):
    """The call was cancelled."""


class Call:
    """The requests for one reply, one after the other. They share a deadline.

    `cancel` shuts the socket down. Closing the response instead would block: `close` waits for the
    thread that reads.
    """

    def __init__(self, deadline: float) -> None:
        """``deadline`` is in seconds of the monotonic clock."""
        self._deadline = deadline
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._cancellable_socket: socket.socket | None = None
        self._read_socket: socket.socket | None = None

    def cancel(self) -> None:
        """Cancel the call, and shut its socket down at once. Any thread may do so, repeatedly."""
        with self._lock:
            self._cancelled.set()
            self._shut_down()

    def shut_down_on_cancel(self, tcp_socket: socket.socket) -> None:
        """Let `cancel` shut ``tcp_socket`` down, even before it is connected or has done TLS."""
        with self._lock:
            self._forget_sockets()
            # A duplicate, since the ssl module detaches the original when TLS begins.
            self._cancellable_socket = tcp_socket.dup()
            if self._cancelled.is_set():
                self._shut_down()

    def forget_sockets(self) -> None:
        """Touch the sockets of the last request no more. Their owner closes them."""
        with self._lock:
            self._forget_sockets()

    def set_read_socket(self, read_socket: socket.socket) -> None:
        """Let `limit_next_read` limit the reads of ``read_socket``, a TCP or TLS socket."""
        self._read_socket = read_socket

    def time_left(self) -> float:
        """Return the seconds until the deadline, more than 0.

        Raises:
            Cancelled: The call was cancelled.
            ModelTimeout: The deadline is over.
        """
        if self._cancelled.is_set():
            raise Cancelled
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise ModelTimeout("the deadline is over")
        return seconds

    def limit_next_read(self) -> None:
        """Let the next read from the socket time out at the deadline. Raises as `time_left`."""
        seconds = self.time_left()
        if self._read_socket:
            with suppress(OSError):  # it is closed as soon as the whole body was received
                self._read_socket.settimeout(seconds)

    def sleep(self, seconds: float) -> None:
        """Sleep, at most until the deadline. Raises as `time_left`."""
        self._cancelled.wait(min(seconds, self.time_left()))
        self.time_left()

    def _shut_down(self) -> None:
        if self._cancellable_socket:
            with suppress(OSError):  # the connection has ended already
                self._cancellable_socket.shutdown(socket.SHUT_RDWR)

    def _forget_sockets(self) -> None:
        if self._cancellable_socket:
            self._cancellable_socket.close()
        self._cancellable_socket = self._read_socket = None
