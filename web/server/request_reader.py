"""Reads the HTTP requests of one connection, each within the limits of `web.server.request_limits`.

gunicorn's gevent worker (27.0.1) has no such limits. It parses the body while the application
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
    BODY_TIMEOUT,
    HEAD_TIMEOUT,
    LINGER_TIMEOUT,
    MAX_BODY_BYTES,
    MAX_DISCARDED_BYTES,
    MAX_HEAD_BYTES,
    MAX_TRAILER_BYTES,
)

# gunicorn's parser takes some 2 ms for this many bytes of one-byte chunks. No other greenlet runs
# in that time.
_READ_SIZE = 2048  # bytes
_DISCARD_SIZE = 64 * 1024  # bytes
# Not 0: gevent may resume a greenlet that sleeps for 0 s before it looks at other sockets
# (docs/decisions/0003-a-request-is-read-whole.md).
_PAUSE = 1e-6  # seconds


class TooLarge(ParseException):  # type: ignore[misc]
    """The head or the body has too many bytes."""


class TooSlow(ParseException):  # type: ignore[misc]
    """The head or the body was not complete in time."""


class CutShort(ParseException):  # type: ignore[misc]
    """The client ended the connection in the middle of the body."""


class RequestReader(SocketUnreader):  # type: ignore[misc]
    """What gunicorn's parsers read from: a socket with a budget of bytes and a deadline.

    Every read goes through gevent's event loop, even if data is ready, so that others are served.
    """

    sock: socket
    buf: io.BytesIO

    def __init__(self, sock: socket) -> None:
        super().__init__(sock, _READ_SIZE)
        self._budget = 0  # bytes that may still be read from the socket
        self._deadline = 0.0  # in seconds of the monotonic clock

    def wait_for_request(self, timeout: float) -> bool:
        """Wait for a request, ``timeout`` seconds at most. Returns whether its first byte came."""
        if self._buffered:  # a pipelined request
            gevent.sleep(_PAUSE)
            return True
        try:
            self._wait_readable(timeout)
        except TimeoutError:
            return False
        return True

    def read_head(self, cfg: Any, address: Any, number: int) -> Request:
        """Read the head of a request, the connection's ``number``-th, counted from 1.

        Raises:
            ParseException: It cannot be read, is too large or too slow.
            StopIteration, NoMoreData: The client ended the connection.
        """
        self._allow(MAX_HEAD_BYTES, HEAD_TIMEOUT)
        return Request(cfg, self, address, number)

    def read_body(self, request: Request) -> bytes:
        """Read the whole body of the request whose head was read last.

        Raises:
            ParseException: It cannot be read, is too large, too slow or cut short.
        """
        length = getattr(request.body.reader, "length", None)  # None: it is chunked
        if length == 0:
            return b""
        if length is not None and length > MAX_BODY_BYTES:
            raise TooLarge(f"a body of {length} bytes")
        if request._expected_100_continue:
            request._expected_100_continue = False  # gunicorn would send it a second time
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if length is None:
            request.body.reader.limit_trailer_section = MAX_TRAILER_BYTES
        self._allow(MAX_BODY_BYTES, BODY_TIMEOUT)
        try:
            body: bytes = request.body.read()
        except NoMoreData as error:
            raise CutShort("the body was cut short") from error
        if length is not None and len(body) < length:
            raise CutShort(f"the body was cut short at {len(body)} of {length} bytes")
        return body

    def linger(self) -> None:
        """End our side of the connection, and give the client time to read the last response.

        If a socket is closed while it has unread bytes, the kernel resets the connection, and the
        client may lose the response (RFC 9112, section 9.6). So they are read and discarded, up to
        a limit; what the client sends beyond that stays in its own buffers.
        """
        deadline = time.monotonic() + LINGER_TIMEOUT
        left = MAX_DISCARDED_BYTES
        with suppress(OSError):  # the connection has ended, or the time is over
            self.sock.shutdown(SHUT_WR)
            while left > 0:
                self._wait_readable(deadline - time.monotonic())
                data = self.sock.recv(min(left, _DISCARD_SIZE))
                if not data:
                    return
                left -= len(data)
            gevent.sleep(max(0, deadline - time.monotonic()))

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes of the socket, b"" at its end. gunicorn's parsers call it.

        Raises:
            TooLarge: The budget is used up.
            TooSlow: The deadline has passed.
        """
        if self._budget <= 0:
            raise TooLarge("more bytes than allowed")
        try:
            self._wait_readable(self._deadline - time.monotonic())
        except TimeoutError as error:
            raise TooSlow("not complete in time") from error
        data = self.sock.recv(min(self._budget, _READ_SIZE))
        self._budget -= len(data)
        return data

    @property
    def _buffered(self) -> int:
        """How many bytes were read ahead."""
        return self.buf.getbuffer().nbytes

    def _allow(self, size: int, timeout: float) -> None:
        """Set the budget and the deadline for what is read next. Bytes read ahead count."""
        self._budget = size - self._buffered
        self._deadline = time.monotonic() + timeout

    def _wait_readable(self, timeout: float) -> None:
        if timeout <= 0:
            raise TimeoutError
        if not getattr(self.sock, "pending", int)():  # TLS may have decrypted bytes already
            wait_read(self.sock.fileno(), timeout)
