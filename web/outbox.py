"""What is written to one client: in order, bounded, and nobody waits for it.

simple-websocket ignores how much of a frame the kernel took, so that a slow reader gets a torn
stream; and it blocks its caller.
"""

from __future__ import annotations

import math
import socket
import ssl
import struct
import threading
import time
from collections import deque
from contextlib import suppress

# So much may wait behind the frame that is being written. A frame that nothing waits before may
# be larger: a history is long, and a client that has just come waits for nothing else.
MOST_WAITING = 1024 * 1024  # bytes
# A frame costs some 50 bytes beside its own, and the answer to a ping has two: without this a flood
# of pings would fill many times that memory. Frames with any text in them reach the other bound.
MOST_FRAMES = 20_000

_NO_LINGER = struct.pack("ii", 1, 0)  # on, 0 s


class Outbox:
    """The writing half of a connection. Any thread may call it.

    The kernel takes most frames at once, in the caller's thread. Where it does not, a thread
    writes what is left, and lives until nothing waits: an idle client costs none, and a slow one
    costs others nothing.

    ``due``, in seconds of the monotonic clock, is by when the frame in hand must be written, or
    once it is finished, by when all of it and then the client's own end must have come.
    """

    def __init__(self, sock: socket.socket, send_within: float, close_within: float) -> None:
        self.due = math.inf
        self._sock = sock
        self._send_within = send_within  # seconds
        self._close_within = close_within  # seconds
        self._lock = threading.Lock()
        self._waiting: deque[bytes] | None = None  # behind the writer's frame; None: no writer
        self._size = 0  # bytes that wait
        self._writer: threading.Thread | None = None
        self._finished = False
        self._ended = False

    def put(self, frame: bytes) -> bool:
        """Have a frame written after those that wait; return False if there is no room for it.

        Does nothing once it is finished.
        """
        with self._lock:
            if self._finished:
                return True
            if self._waiting and (
                self._size + len(frame) > MOST_WAITING or len(self._waiting) >= MOST_FRAMES
            ):
                return False
            self._write(frame)
            return True

    def finish(self, frame: bytes, *, drop: bool = False, within: float | None = None) -> None:
        """Have a last frame written, and then the stream ended.

        ``drop``: what waits is dropped. ``within``: seconds for all of it to be written.
        """
        with self._lock:
            if self._finished:
                return
            self._finished = True
            self.due = time.monotonic() + (within or self._send_within)
            if drop and self._waiting:
                self._drop()
            self._write(frame)

    def end(self, *, reset: bool = False) -> None:
        """End the connection, whatever waits; whoever reads or writes finds out.

        ``reset``: have the kernel forget what it has not sent yet, too.
        """
        with self._lock:
            self._end(reset)

    def join(self) -> None:
        """Wait for the writer, if there is one; it leaves soon after the end."""
        writer = self._writer
        if writer:
            writer.join()

    # With the lock

    def _write(self, frame: bytes) -> None:
        if self._waiting is not None:
            self._waiting.append(frame)
            self._size += len(frame)
            return
        rest = frame[self._hand_over(frame) :]
        if rest:
            self._waiting = deque()
            self._writer = threading.Thread(target=self._drain, args=(rest,), daemon=True)
            self._begin()
            self._writer.start()
        else:
            self._rest()

    def _hand_over(self, frame: bytes) -> int:
        """Return how much the kernel takes at once."""
        if isinstance(self._sock, ssl.SSLSocket):
            return 0  # a TLS record cannot be written in part
        # gevent's own socket waits, whatever the flags; the one beneath it does not.
        sock: socket.socket = getattr(self._sock, "_sock", self._sock)
        try:
            return sock.send(frame, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            self._end()
            return len(frame)

    def _begin(self) -> None:
        if not self._finished:
            self.due = time.monotonic() + self._send_within

    def _rest(self) -> None:
        """Nothing waits any more."""
        self._waiting = None
        self._writer = None
        if self._ended:
            return
        self.due = math.inf
        if self._finished:
            self.due = time.monotonic() + self._close_within
            with suppress(OSError):  # it has ended already
                self._sock.shutdown(socket.SHUT_WR)

    def _drop(self) -> None:
        if self._waiting:
            self._waiting.clear()
        self._size = 0

    def _end(self, reset: bool = False) -> None:
        self._finished = self._ended = True
        self.due = math.inf
        torn = self._waiting is not None  # the client cannot make anything of the last frame
        self._drop()
        with suppress(OSError):  # it has ended already
            if reset or torn:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._sock.shutdown(socket.SHUT_RDWR)

    # In the writer's thread

    def _drain(self, frame: bytes) -> None:
        while frame:
            try:
                self._sock.sendall(frame)
            except OSError:
                self.end()
            with self._lock:
                frame = self._next()

    def _next(self) -> bytes:
        if not self._waiting:
            self._rest()
            return b""
        frame = self._waiting.popleft()
        self._size -= len(frame)
        self._begin()
        return frame
