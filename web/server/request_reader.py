"""Reads HTTP requests from one connection, each within the bounds in `web.server.request_limits`.

gunicorn's gevent worker (27.0.1) has no such bounds. It parses the body while the application
reads it, and drains the rest before the next request, for as long as the client sends. It also
never yields while data is ready, so that no timeout of its own can fire. Here the whole body is
read before the application is called: no client's error can come up in the middle of it, and
nothing is left to drain.
"""

from __future__ import annotations

import io
import time
from contextlib import suppress
from socket import SHUT_WR, socket
from typing import Any

import gevent
from gevent.socket import wait_read
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import SocketUnreader

from web.server.request_limits import (
    BODY_WITHIN,
    HEAD_WITHIN,
    LINGER_WITHIN,
    MAX_BODY_BYTES,
    MAX_DROPPED_BYTES,
    MAX_HEAD_BYTES,
    MAX_TRAILER_BYTES,
)

# A piece of one-byte chunks takes gunicorn's parser some 2 ms, in which nobody else is served.
_PIECE = 2048  # bytes
_DROPPED_AT_ONCE = 64 * 1024  # bytes
_NEXT_TURN = 1e-6  # seconds; with 0 gevent may come back before it has looked at other sockets


class TooLarge(ParseException):  # type: ignore[misc]
    """The head or the body has more bytes than it may have."""


class TooSlow(ParseException):  # type: ignore[misc]
    """The head or the body was not whole in time."""


class CutShort(ParseException):  # type: ignore[misc]
    """The client ended the connection in the middle of the body."""


class RequestReader(SocketUnreader):  # type: ignore[misc]
    """What gunicorn's parsers read from, with a budget of bytes and a deadline.

    Every read waits for its turn in the event loop, whether or not data is ready.
    """

    sock: socket
    buf: io.BytesIO

    def __init__(self, sock: socket) -> None:
        super().__init__(sock, _PIECE)
        self._left = 0  # bytes that may still be read from the socket
        self._deadline = 0.0  # in seconds of the monotonic clock

    def wait(self, within: float) -> bool:
        """Wait for the first byte of a request; return False if none came in time."""
        if self._buffered:  # a pipelined request: the others have their turn before it
            gevent.sleep(_NEXT_TURN)
            return True
        try:
            self._wait_readable(within)
        except TimeoutError:
            return False
        return True

    def head(self, cfg: Any, address: Any, number: int) -> Request:
        """Read the head of the connection's request with this number, counted from 1.

        Raises:
            ParseException: It cannot be read, is too large or too slow.
            StopIteration, NoMoreData: The client ended the connection.
        """
        self._allow(MAX_HEAD_BYTES, HEAD_WITHIN)
        return Request(cfg, self, address, number)

    def body(self, request: Request) -> bytes:
        """Read the whole body of a request whose head was just read.

        Raises:
            ParseException: It cannot be read, is too large, too slow or cut short.
        """
        length = getattr(request.body.reader, "length", None)  # None: it comes in chunks
        if length == 0:
            return b""
        if length is not None and length > MAX_BODY_BYTES:
            raise TooLarge(f"a body of {length} bytes")
        if request._expected_100_continue:
            request._expected_100_continue = False  # or gunicorn says it again
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if length is None:
            request.body.reader.limit_trailer_section = MAX_TRAILER_BYTES
        self._allow(MAX_BODY_BYTES, BODY_WITHIN)
        try:
            body: bytes = request.body.read()
        except NoMoreData as error:
            raise CutShort("the body was cut short") from error
        if length is not None and len(body) < length:
            raise CutShort(f"the body was cut short at {len(body)} of {length} bytes")
        return body

    def linger(self) -> None:
        """End our side, and give the client time to read the last answer.

        To close over unread bytes makes the kernel reset the connection, and the client may lose
        the answer (RFC 9112, section 9.6). Beyond a bound, what it sends stays in its own buffers.
        """
        deadline = time.monotonic() + LINGER_WITHIN
        left = MAX_DROPPED_BYTES
        with suppress(OSError):  # it has ended, or the time is over
            self.sock.shutdown(SHUT_WR)
            while left > 0:
                self._wait_readable(deadline - time.monotonic())
                data = self.sock.recv(min(left, _DROPPED_AT_ONCE))
                if not data:
                    return
                left -= len(data)
            gevent.sleep(max(0, deadline - time.monotonic()))

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes of the socket, b"" at its end; the parsers call it.

        Raises:
            TooLarge, TooSlow: The budget is used up, or the time.
        """
        if self._left <= 0:
            raise TooLarge("more bytes than allowed")
        try:
            self._wait_readable(self._deadline - time.monotonic())
        except TimeoutError as error:
            raise TooSlow("not whole in time") from error
        data = self.sock.recv(min(self._left, _PIECE))
        self._left -= len(data)
        return data

    @property
    def _buffered(self) -> int:
        """How many bytes were read ahead."""
        return self.buf.getbuffer().nbytes

    def _allow(self, size: int, within: float) -> None:
        """Set the budget for what is read next; what was read ahead is a part of it."""
        self._left = size - self._buffered
        self._deadline = time.monotonic() + within

    def _wait_readable(self, within: float) -> None:
        if within <= 0:
            raise TimeoutError
        if not getattr(self.sock, "pending", int)():  # bytes that TLS has decrypted already
            wait_read(self.sock.fileno(), within)
