"""The frames to be written to one client: in order and bounded, and no caller waits for the client.

simple-websocket 1.1.0 blocks its caller. It also ignores that the kernel may take only a part of
a frame, so a client that reads slowly gets truncated frames.
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

# The bound for frames that wait behind the one that is being written. A frame that is sent at
# once may be larger: a long history is the first frame that a client gets.
MAX_QUEUED_BYTES = 1024 * 1024
# A frame has about 50 bytes of overhead, and the answer to a ping has only two: without this
# bound, a flood of pings would fill many times MAX_QUEUED_BYTES. Frames with
# text reach MAX_QUEUED_BYTES first.
MAX_FRAMES = 20_000

_NO_LINGER = struct.pack("ii", 1, 0)  # on, 0 s


class SendQueue:
    """The sending half of a connection. Any thread may call it.

    The caller's thread hands a frame to the kernel, which takes most frames at once. If the kernel
    takes only a part, a new thread writes the rest and the frames that are queued meanwhile, and
    then ends. So an idle client costs no thread, and a slow client delays no other.

    ``deadline`` is a value of `time.monotonic`. By then the frame that is being written must be
    sent; after `close`, all queued frames; once they are sent, the client must have disconnected.
    """

    __slots__ = (
        "_aborted",
        "_close_timeout",
        "_closed",
        "_lock",
        "_queued",
        "_queued_bytes",
        "_send_timeout",
        "_sock",
        "_writer",
        "deadline",
    )

    def __init__(self, sock: socket.socket, send_timeout: float, close_timeout: float) -> None:
        """Both timeouts are in seconds, as in `Times`."""
        self.deadline = math.inf
        self._sock = sock
        self._send_timeout = send_timeout
        self._close_timeout = close_timeout
        self._lock = threading.Lock()
        self._queued: deque[bytes] | None = None  # behind the writer's frame; None: no writer
        self._queued_bytes = 0
        self._writer: threading.Thread | None = None
        self._closed = False
        self._aborted = False

    def put(self, frame: bytes) -> bool:
        """Write a frame after those that are queued. Returns False if the queue is full.

        Does nothing once closed.
        """
        with self._lock:
            if self._closed:
                return True
            if self._queued and (
                self._queued_bytes + len(frame) > MAX_QUEUED_BYTES
                or len(self._queued) >= MAX_FRAMES
            ):
                return False
            self._write(frame)
            return True

    def close(self, frame: bytes, *, discard: bool = False, within: float | None = None) -> None:
        """Write a last frame after those that are queued, then end the stream to the client.

        ``discard``: drop the queued frames. ``within``: seconds to write all frames.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self.deadline = time.monotonic() + (within or self._send_timeout)
            if discard and self._queued:
                self._discard_queued()
            self._write(frame)

    def abort(self, *, reset: bool = False) -> None:
        """End the connection at once, in both directions. A thread that reads or writes returns.

        ``reset``: the kernel also drops the bytes that it has not sent yet.
        """
        with self._lock:
            self._abort(reset)

    def join(self) -> None:
        """Wait for the writer's thread, if there is one. It ends soon after `abort`."""
        writer = self._writer
        if writer:
            writer.join()

    # Called with the lock

    def _write(self, frame: bytes) -> None:
        if self._queued is not None:
            self._queued.append(frame)
            self._queued_bytes += len(frame)
            return
        rest = frame[self._send_without_waiting(frame) :]
        if rest:
            self._queued = deque()
            self._writer = threading.Thread(target=self._run_writer, args=(rest,), daemon=True)
            self._set_frame_deadline()
            self._writer.start()
        else:
            self._all_written()

    def _send_without_waiting(self, frame: bytes) -> int:
        """Return how many bytes the kernel took at once."""
        if isinstance(self._sock, ssl.SSLSocket):
            return 0  # a TLS record cannot be written in part
        # A gevent socket waits even with MSG_DONTWAIT; the socket that it wraps does not.
        sock: socket.socket = getattr(self._sock, "_sock", self._sock)
        try:
            return sock.send(frame, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            self._abort()
            return len(frame)

    def _set_frame_deadline(self) -> None:
        if not self._closed:  # the deadline of `close` is for all frames together
            self.deadline = time.monotonic() + self._send_timeout

    def _all_written(self) -> None:
        self._queued = None
        self._writer = None
        if self._aborted:
            return
        self.deadline = math.inf
        if self._closed:
            self.deadline = time.monotonic() + self._close_timeout
            with suppress(OSError):  # the connection has ended
                self._sock.shutdown(socket.SHUT_WR)

    def _discard_queued(self) -> None:
        if self._queued:
            self._queued.clear()
        self._queued_bytes = 0

    def _abort(self, reset: bool = False) -> None:
        self._closed = self._aborted = True
        self.deadline = math.inf
        cut = self._queued is not None  # the writer's frame is not complete, and never will be
        self._discard_queued()
        with suppress(OSError):  # the connection has ended
            if reset or cut:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._sock.shutdown(socket.SHUT_RDWR)

    def _next_frame(self) -> bytes:
        """Return the writer's next frame, b"" if all is written."""
        if not self._queued:
            self._all_written()
            return b""
        frame = self._queued.popleft()
        self._queued_bytes -= len(frame)
        self._set_frame_deadline()
        return frame

    # The writer's thread

    def _run_writer(self, frame: bytes) -> None:
        while frame:
            try:
                self._sock.sendall(frame)
            except OSError:
                self.abort()
            with self._lock:
                frame = self._next_frame()
