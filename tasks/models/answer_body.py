"""The body of an answer as it comes from the socket: until the call's deadline, in whole chunks."""

from __future__ import annotations

import io
import socket
import ssl
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, cast

from urllib3.util.wait import wait_for_read

if TYPE_CHECKING:
    from tasks.models.connection import Connection


_LATEST_TIMEOUT = 0.25  # seconds after a reply's deadline


class Answer(HTTPResponse):
    """An answer that arrives on the connection ``owner``."""

    def __init__(
        self, owner: Connection, tcp_socket: socket.socket, *args: Any, **options: Any
    ) -> None:
        super().__init__(tcp_socket, *args, **options)
        self.fp = AnswerBody(_SocketReader(tcp_socket, self.fp.detach(), owner))
        owner.response, owner.body = self, self.fp

    def read1(self, n: int = -1) -> bytes:
        return _take_chunk(self, n) or super().read1(n)


class AnswerBody(io.BufferedReader):
    """The buffer of an answer. It notes whether it has more than the answer at its end."""

    has_surplus = False

    def arrives_within(self, seconds: float) -> bool:
        """Whether there is something to read, which may be the end, or comes within ``seconds``."""
        if self.closed:
            return True
        reader = cast(_SocketReader, self.raw)
        reader.paused = True
        buffered = self.peek()
        reader.paused = False
        # A line end may be the last chunk's: http.client reads it together with the next chunk.
        return bool(buffered.strip(b"\r\n")) or reader.arrives_within(seconds)

    def close(self) -> None:
        if not self.closed:
            cast(_SocketReader, self.raw).at_end = True
            self.has_surplus = bool(self.peek())
        super().close()


class _SocketReader(io.RawIOBase):
    """Reads an answer from a socket: until the call's deadline, or without waiting if it is idle.

    A socket's own timeout limits a single read only. A head that never ends takes many reads.
    """

    def __init__(self, tcp_socket: socket.socket, file: io.RawIOBase, owner: Connection) -> None:
        """``file`` is what `socket.makefile` has returned. It keeps the socket open."""
        self._socket = tcp_socket
        self._file = file
        self._owner = owner
        self.at_end = False  # whether the answer has ended
        self.paused = False  # whether nothing is read from the socket

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        owner = self._owner
        if self.at_end or self.paused:
            return None
        if owner.call:
            self._set_timeout(owner.call.time_left())
        elif owner.drain_reads_left:
            owner.drain_reads_left -= 1
        else:
            raise BlockingIOError
        count = self._socket.recv_into(buffer)
        if count:
            owner.answer_begun = True
        return count

    def _set_timeout(self, seconds: float) -> None:
        """Set the timeout, at most `_LATEST_TIMEOUT` too late.

        To set it anew for each token is a system call, after which a thread waits for the GIL.
        """
        now = self._socket.gettimeout()
        if now is None or not seconds <= now <= seconds + _LATEST_TIMEOUT:
            self._socket.settimeout(seconds)

    def arrives_within(self, seconds: float) -> bool:
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        return wait_for_read(self._socket, seconds)

    def close(self) -> None:
        self._file.close()
        super().close()


def _take_chunk(response: HTTPResponse, most: int) -> bytes:
    """Return the next chunk of a chunked body if it is in the buffer as a whole, else nothing.

    http.client (Python 3.11 to 3.13) takes apart all chunks, but uses five Python calls for each.
    This saves about a third of the time for reading a token.
    """
    body, left = response.fp, response.chunk_left
    if not response.chunked or left or body is None:
        return b""
    data = body.peek()
    start = 0 if left is None else 2  # the line end after the last chunk is still there
    head_end = data.find(b"\r\n", start)
    try:
        size = int(data[start:head_end], 16)
    except ValueError:
        return b""
    chunk_start = head_end + 2
    chunk_end = chunk_start + size
    if not 0 < size <= most or head_end < 0 or chunk_end + 2 > len(data):
        return b""
    body.read(chunk_end + 2)
    response.chunk_left = None  # the next thing in the body is a chunk's head
    return data[chunk_start:chunk_end]
