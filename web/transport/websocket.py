"""One WebSocket connection.

simple-websocket reads ahead without bound, in a thread of its own. Here the caller of `receive`
reads, so that what is not read yet stays with the sender.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simple_websocket import ConnectionClosed, Server
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from web.transport.send_queue import SendQueue
from web.transport.text_frame import text_frame

# A message may have this many bytes, all its fragments together.
MAX_MESSAGE_BYTES = 64 * 1024
_READ = 8192  # bytes

# What one client sent is handled for so long before others have their turn. The pause is not 0:
# gevent may come back from such a one before it has looked at other sockets.
_TURN = 0.002  # seconds
_PAUSE = 0.0001  # seconds

Choice = Callable[[list[str]], str | None]


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long a link waits for its client, in seconds."""

    ping_every: float = 25.0
    # Together with the ping's interval less than the 50 s in which a dead client is noticed.
    pong_within: float = 20.0
    send_within: float = 10.0  # for one frame, or all that waits when the link is closed
    close_within: float = 2.0  # for the client's own end


class WebSocket(Server):  # type: ignore[misc]
    """The server's end of a WebSocket. Any thread may `send` and `close`; one may `receive`.

    Use `receive`, `send`, `close`, `closed`, `subprotocol` and `environ`; the rest is for `Sock`.
    """

    ws: Any
    close_reason: int
    close_message: str | None

    def __init__(self, environ: dict[str, Any], choose: Choice, times: Times) -> None:
        self._choose = choose
        # Compressed, a socket would cost fifteen times the memory: nothing is negotiated.
        plain = {k: v for k, v in environ.items() if k != "HTTP_SEC_WEBSOCKET_EXTENSIONS"}
        super().__init__(plain, thread_class=_NoThread, event_class=object)
        self.environ = environ
        self.ws = self.ws.connection  # without the handshake's part, which holds a request's memory
        self.closed = False
        self.close_reason = CloseReason.ABNORMAL_CLOSURE  # unless one side says another
        self._lock = threading.Lock()  # a frame is put in the outbox before another one is made
        self._send_queue = SendQueue(self.sock, times.send_within, times.close_within)
        self._times = times
        self._message = bytearray()  # what has come of a fragmented one
        # When the client is asked whether it lives, and if it is asked already, given up.
        self._ask_at = time.monotonic() + times.ping_every
        self._asked_at: float | None = None
        self._reads_since = math.inf
        self._turn_began = time.monotonic()
        self.sock.settimeout(None)  # the server's own, for an answer over HTTP, ends here

    def choose_subprotocol(self, request: Any) -> str | None:
        return self._choose(list(request.subprotocols))

    def receive(self, timeout: None = None) -> str | bytes:
        """Wait for the client's next message.

        Raises:
            ConnectionClosed: By either side, or lost.
        """
        while not self.closed:
            for event in self.ws.events():
                self._give_way()
                if isinstance(event, TextMessage | BytesMessage):
                    message = self._join(event)
                    if message is not None:
                        return message
                elif isinstance(event, Ping):
                    self._put(event.response())
                elif isinstance(event, CloseConnection):  # the client's, or its breach of protocol
                    self._close(event.code, event.reason, drop=True)
            if not self.closed:
                self._give_way()
                self.ws.receive_data(self._read())
        raise ConnectionClosed(self.close_reason, self.close_message)

    def send(self, data: str | bytes) -> None:
        """Have a text frame written, after those that wait; do nothing if the link is closed.

        ``data`` is text, or the same in UTF-8. Never waits. A client that leaves too much unread is
        closed with 1013.
        """
        frame = text_frame(data.encode() if isinstance(data, str) else data)
        with self._lock:
            if self.closed or self.ws.state is not ConnectionState.OPEN:
                return  # the latter: the client has closed, which is about to be read
            fits = self._send_queue.put(frame)
        if not fits:
            self._close_slow(within=self._times.send_within)

    def close(self, reason: int = CloseReason.NORMAL_CLOSURE, message: str = "") -> None:
        """Close the link once what waits is written; do nothing if it is closed already.

        Never waits. A `receive` raises once the client has answered, or failed to.
        """
        self._close(reason, message)

    @property
    def due(self) -> float:
        """When to `beat`, in seconds of the monotonic clock."""
        return min(self._send_queue.due, self._ask_at)

    def beat(self, now: float) -> None:
        """Ask the client whether it lives; give it up where it does not answer, or not read."""
        with self._lock:
            overdue, closed = now >= self._send_queue.due, self.closed
        if overdue:
            if closed:
                self.end()
            else:
                self._close_slow(within=self._times.close_within)
        elif now >= self._ask_at:
            # What it answered is seen only by one who reads, so nobody is judged without.
            if self._asked_at is not None and self._reads_since <= self._asked_at:
                self.end(reset=True)
            else:
                self._asked_at = now
                self._ask_at = now + self._times.pong_within
                self._put(Ping())

    def finish(self) -> None:
        """Close the link, and wait for the end of the connection, which comes within seconds.

        What the client still sends is read, and dropped: unread, it would make the kernel take
        back what was written last.
        """
        self.close()
        try:
            while self.sock.recv(_READ):
                time.sleep(0)
        except OSError:
            pass  # it has ended already
        self.end()
        self._send_queue.join()

    def end(self, *, reset: bool = False) -> None:
        """End the connection, whatever waits; ``reset`` it where nobody may be there any more."""
        self.closed = True
        self._ask_at = math.inf
        self._send_queue.end(reset=reset)

    def _give_way(self) -> None:
        """Pause if others have not had their turn for a while: this client may be flooding us."""
        if time.monotonic() - self._turn_began > _TURN:
            time.sleep(_PAUSE)
            self._turn_began = time.monotonic()

    def _read(self) -> bytes:
        self._reads_since = began = time.monotonic()
        try:
            data: bytes = self.sock.recv(_READ)
        except OSError:
            data = b""
        self._reads_since = math.inf
        if time.monotonic() - began > _TURN:  # it has waited, and others had their turn
            self._turn_began = time.monotonic()
        if not data:
            self.end()
        elif self._asked_at is not None:  # whatever it sends, it lives
            self._ask_at = self._asked_at + self._times.ping_every
            self._asked_at = None
        return data

    def _join(self, event: TextMessage | BytesMessage) -> str | bytes | None:
        """Return the whole message once its last part is there."""
        part = event.data.encode() if isinstance(event, TextMessage) else event.data
        if len(self._message) + len(part) > MAX_MESSAGE_BYTES:
            self._message.clear()
            self._close(CloseReason.MESSAGE_TOO_BIG, "a message may have 64 KiB", drop=True)
            raise ConnectionClosed(self.close_reason, self.close_message)
        self._message += part
        if not event.message_finished:
            return None
        message = bytes(self._message)
        self._message.clear()
        return message.decode() if isinstance(event, TextMessage) else message

    def _put(self, event: Any) -> None:
        with self._lock:
            if self.closed:
                return
            try:
                fits = self._send_queue.put(self.ws.send(event))
            except LocalProtocolError:
                return  # the client has closed, which is about to be read
        if not fits:
            self._close_slow(within=self._times.send_within)

    def _close_slow(self, within: float) -> None:
        reason = "reads too slowly"
        self._close(CloseReason.TRY_AGAIN_LATER, reason, drop=True, within=within)

    def _close(
        self, code: int, reason: str | None, *, drop: bool = False, within: float | None = None
    ) -> None:
        with self._lock:
            if self.closed:
                return
            self.closed = True
            self._ask_at = math.inf
            self.close_reason, self.close_message = code, reason
            frame = self.ws.send(CloseConnection(code, reason))
            self._send_queue.finish(frame, drop=drop, within=within)


class _NoThread:
    """Stands where simple-websocket starts the thread that reads ahead."""

    name = ""

    def __init__(self, target: Callable[[], None]) -> None:
        pass

    def start(self) -> None:
        pass
