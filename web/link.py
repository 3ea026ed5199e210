"""One WebSocket connection: reads where it is asked to, writes from an outbox, beats by itself.

simple-websocket reads ahead without bound in a thread of its own and ignores how much of a frame
the kernel took, so that a slow reader gets a torn stream. Here the caller of `receive` reads, which
leaves what is not read yet with the sender; the thread of the base class writes.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from simple_websocket import ConnectionClosed, Server
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.utilities import LocalProtocolError

# A message may have this many bytes, all its fragments together.
MOST_RECEIVED = 64 * 1024
# So much may wait for a client that reads slowly, beside one frame of any size: a history may be
# long, and a client that has just come waits for nothing else.
MOST_WAITING = 1024 * 1024
SEND_WITHIN = 10.0  # seconds for one frame
PING_EVERY = 25.0  # seconds
# Together with the ping's interval less than the 50 s in which a dead client must be noticed.
PONG_WITHIN = 20.0  # seconds
CLOSE_WITHIN = 2.0  # seconds for the client's own close frame
_BEAT = 0.5  # seconds

_READ = 4096
_TOO_BIG, _TOO_SLOW = 1009, 1013

Choice = Callable[[list[str]], str | None]


class Link(Server):  # type: ignore[misc]
    """The server's end of a WebSocket. Any thread may `send` and `close`; one may `receive`."""

    close_reason: int
    close_message: str | None

    def __init__(self, environ: dict[str, Any], choose: Choice, pulse: Pulse) -> None:
        self._choose = choose
        self._lock = threading.Lock()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0  # bytes in the outbox, and of the frame that is being written
        self._closing = False
        self._parts: list[str | bytes] = []
        self._received = 0  # bytes of the message whose parts these are
        # What the pulse looks at, in seconds of the monotonic clock
        self._due: float | None = None  # by when the frame in hand must be written, or all closed
        self._ping_at = time.monotonic() + PING_EVERY
        self._pong_by: float | None = None
        # Compressed, a socket would cost fifteen times the memory: nothing is negotiated.
        environ = {k: v for k, v in environ.items() if k != "HTTP_SEC_WEBSOCKET_EXTENSIONS"}
        super().__init__(environ)
        pulse.watch(self)

    def choose_subprotocol(self, request: Any) -> str | None:
        return self._choose(list(request.subprotocols))

    def receive(self, timeout: float | None = None) -> str | bytes:
        """Wait for the client's next message.

        Raises:
            ConnectionClosed: By either side, or lost.
        """
        while True:
            if not self.connected:
                raise ConnectionClosed(self.close_reason, self.close_message)
            for event in self.ws.events():
                if isinstance(event, TextMessage | BytesMessage):
                    message = self._join(event)
                    if message is not None:
                        return message
                elif isinstance(event, Ping):
                    self._put(event.response())
                elif isinstance(event, CloseConnection):
                    self.close_reason, self.close_message = event.code, event.reason
                    self._answer_close(event)
                    raise ConnectionClosed(self.close_reason, self.close_message)
            try:
                data = self.sock.recv(_READ)
            except OSError:
                data = b""
            if not data:
                self._end()
                raise ConnectionClosed(self.close_reason, self.close_message)
            self._pong_by = None  # whatever it sends, it lives
            self.ws.receive_data(data)

    def send(self, data: str) -> None:
        """Have a text frame written, after those that wait; nothing if the link is closing."""
        self._put(TextMessage(data=data))

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Close the link once what waits is written; nothing if it is closing already."""
        with self._lock:
            self._close(reason or 1000, message)

    def finish(self) -> None:
        """Read on until the link has ended, which it has within seconds once it is closed."""
        try:
            while True:
                self.receive()
        except ConnectionClosed:
            pass

    def beat(self, now: float) -> None:
        """Ping the client when it is time; give up where it does not read or does not answer."""
        if (self._due and now > self._due) or (self._pong_by and now > self._pong_by):
            self._end()
        elif now > self._ping_at:
            self._ping_at = now + PING_EVERY
            self._pong_by = self._pong_by or now + PONG_WITHIN
            self._put(Ping())

    def _join(self, event: TextMessage | BytesMessage) -> str | bytes | None:
        """Return the whole message once its last part is there."""
        part = event.data
        self._received += len(part.encode()) if isinstance(part, str) else len(part)
        if self._received > MOST_RECEIVED:
            self._parts.clear()
            self.close(_TOO_BIG, "a message may have 64 KiB")
            self._end_soon()
            raise ConnectionClosed(_TOO_BIG)
        self._parts.append(bytes(part) if isinstance(part, bytearray) else part)
        if not event.message_finished:
            return None
        parts, self._parts, self._received = self._parts, [], 0
        return type(parts[0])().join(parts)  # type: ignore[arg-type]

    def _put(self, event: Any) -> None:
        with self._lock:
            if self._closing:
                return
            try:
                data = self.ws.send(event)
            except LocalProtocolError:
                return  # the client has closed
            if self._waiting and self._waiting + len(data) > MOST_WAITING:
                self._empty()
                self._close(_TOO_SLOW, "reads too slowly")
            else:
                self._waiting += len(data)
                self._outbox.put(data)

    def _close(self, code: int, reason: str | None) -> None:
        if self._closing:
            return
        self._closing = True
        try:
            data = self.ws.send(CloseConnection(code, reason))
        except LocalProtocolError:
            data = b""
        self._outbox.put(data)
        self._outbox.put(None)

    def _answer_close(self, event: CloseConnection) -> None:
        with self._lock:
            if not self._closing:
                self._closing = True
                self._outbox.put(self.ws.send(event.response()))
                self._outbox.put(None)
        self._end_soon()

    def _empty(self) -> None:
        while not self._outbox.empty():
            self._outbox.get()

    def _end_soon(self) -> None:
        """Let what is written last arrive: ending with unread input would overtake it."""
        self.thread.join(SEND_WITHIN)
        try:
            self.sock.shutdown(socket.SHUT_WR)
            while self.sock.recv(_READ):
                pass  # until the client has closed too, or the pulse gives up
        except OSError:
            pass  # it has ended already
        self._end()

    def _end(self) -> None:
        """End the connection, whatever waits; whoever reads or writes finds out."""
        self.connected = False
        self._closing = True
        self._empty()
        self._outbox.put(None)
        with suppress(OSError):  # it has ended already
            self.sock.shutdown(socket.SHUT_RDWR)

    def _thread(self) -> None:
        """Write the outbox; the base class starts this in a thread."""
        while (data := self._outbox.get()) is not None:
            self._due = time.monotonic() + SEND_WITHIN
            try:
                self.sock.sendall(data)
            except OSError:
                self._end()
                return
            self._due = None
            with self._lock:
                self._waiting -= len(data)
        self._due = time.monotonic() + CLOSE_WITHIN


class Pulse:
    """One thread a process that has all its links beat."""

    def __init__(self) -> None:
        self._links: weakref.WeakSet[Link] = weakref.WeakSet()
        self._lock = threading.Lock()

    def watch(self, link: Link) -> None:
        """Have a link beat for as long as it lives."""
        with self._lock:
            self._links.add(link)

    def run(self) -> None:
        """Beat, for ever."""
        while True:
            time.sleep(_BEAT)
            with self._lock:
                links = [link for link in self._links if link.connected]
            now = time.monotonic()
            for link in links:
                link.beat(now)
