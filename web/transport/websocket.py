"""One WebSocket connection, from the end of its handshake to its own end.

simple-websocket 1.1.0 reads ahead in a thread of its own, without a bound. Here the caller of
`receive` reads from the socket. Unread messages stay with the client, by TCP flow control.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from simple_websocket import ConnectionClosed
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from chat import metrics
from chat.time_slice import TimeSlice
from web.transport.handshake import Handshake
from web.transport.message_assembler import MessageAssembler, MessageTooBig
from web.transport.ping_timer import PingTimer
from web.transport.send_queue import SendQueue
from web.transport.text_frame import text_frame

_READ_SIZE = 8192  # bytes


@dataclass(frozen=True, kw_only=True)
class Times:
    """The ping interval and the timeouts of a WebSocket, in seconds."""

    ping_interval: float = 25.0
    # A dead client must be noticed within 50 s: ping_interval + pong_timeout < 50.
    pong_timeout: float = 20.0
    send_timeout: float = 10.0  # to send one frame, or after `close` all that is queued
    close_timeout: float = 2.0  # for the client to end the connection once all is sent


class WebSocket:
    """The server's end of a WebSocket. Any thread may call it, but only one may `receive`.

    A handler uses `receive`, `send`, `close`, `closed` and `subprotocol`. The rest is for
    `WebSocketRoutes` and `DeadlineThread`.

    `close` starts the closing handshake and returns at once, `wait_closed` waits until the
    connection has ended, and `abort` ends the connection without a handshake.
    """

    # There are thousands of these objects, so what each of them holds counts.
    __slots__ = (
        "__weakref__",
        "_assembler",
        "_lock",
        "_ping_timer",
        "_protocol",
        "_send_queue",
        "_sock",
        "_time_slice",
        "_times",
        "close_message",
        "close_reason",
        "closed",
        "subprotocol",
    )

    def __init__(self, handshake: Handshake, times: Times) -> None:
        self.subprotocol: str | None = handshake.subprotocol
        self.closed = False
        self.close_reason: int = CloseReason.ABNORMAL_CLOSURE  # until one side sends a close frame
        self.close_message: str | None = None
        self._sock = handshake.sock
        self._protocol: Any = handshake.connection
        self._lock = threading.Lock()  # frames are queued in the order in which wsproto made them
        self._send_queue = SendQueue(self._sock, times.send_timeout, times.close_timeout)
        self._times = times
        self._assembler = MessageAssembler()
        self._ping_timer = PingTimer(times.ping_interval, times.pong_timeout, time.monotonic())
        self._time_slice = TimeSlice()
        self._sock.settimeout(None)  # the server had set its timeout for HTTP responses

    def receive(self) -> str | bytes:
        """Wait for the client's next message.

        Raises:
            ConnectionClosed: Either side has closed, or the connection is lost.
        """
        while not self.closed:
            for event in self._protocol.events():
                self._time_slice.yield_if_over()
                message = self._handle(event)
                if message is not None:
                    return message
            if not self.closed:
                self._time_slice.yield_if_over()
                self._protocol.receive_data(self._read())
        raise ConnectionClosed(self.close_reason, self.close_message)

    def send(self, data: str | bytes) -> None:
        """Send a text frame after those that are queued. Does nothing if closed.

        ``data`` is text, or the same in UTF-8. Never waits. A client that leaves too much unread is
        closed with 1013.
        """
        frame = text_frame(data.encode() if isinstance(data, str) else data)
        with self._lock:
            # Not open but not closed either: the client's close frame is about to be read.
            if self.closed or self._protocol.state is not ConnectionState.OPEN:
                return
            fits = self._send_queue.put(frame)
        if not fits:
            self._close_slow_client(within=self._times.send_timeout)

    def close(self, reason: int = CloseReason.NORMAL_CLOSURE, message: str = "") -> None:
        """Send a close frame after the frames that are queued. Does nothing if already closed.

        Never waits. `receive` raises ConnectionClosed once the client has answered, or its time to
        answer is over.
        """
        self._close(reason, message)

    def wait_closed(self) -> None:
        """After `close`: wait until the connection has ended. The timeouts limit this to seconds.

        Data that the client still sends is read and discarded. If it stayed unread, the kernel
        would reset the connection, and the client could lose the frames that were sent last.
        """
        try:
            while self._sock.recv(_READ_SIZE):
                time.sleep(0)
        except OSError:
            pass  # the connection has ended
        self.abort()
        self._send_queue.join()

    def abort(self, *, reset: bool = False) -> None:
        """End the connection at once and drop the queued frames. May be called again.

        ``reset``: the kernel also drops the bytes that it has not sent yet.
        """
        self.closed = True
        self._ping_timer.stop()
        self._send_queue.abort(reset=reset)

    @property
    def deadline(self) -> float:
        """When `on_deadline` must be called, in seconds of the monotonic clock."""
        return min(self._send_queue.deadline, self._ping_timer.deadline)

    def on_deadline(self, now: float) -> None:
        """Send a ping that is due; close or abort if the client reads or answers too slowly."""
        with self._lock:
            too_slow, closed = now >= self._send_queue.deadline, self.closed
        if too_slow:
            if closed:
                self.abort()
            else:
                self._close_slow_client(within=self._times.close_timeout)
        elif now >= self._ping_timer.deadline:
            if self._ping_timer.is_unanswered:
                self.abort(reset=True)
            else:
                self._ping_timer.ping_sent(now)
                self._send_event(Ping())

    def _handle(self, event: Any) -> str | bytes | None:
        """Return the message that ``event`` completes, if it does."""
        if isinstance(event, TextMessage | BytesMessage):
            try:
                return self._assembler.add(event)
            except MessageTooBig as error:
                self._close(CloseReason.MESSAGE_TOO_BIG, "a message may have 64 KiB", discard=True)
                raise ConnectionClosed(self.close_reason, self.close_message) from error
        if isinstance(event, Ping):
            self._send_event(event.response())
        elif isinstance(event, CloseConnection):  # the client closes, or has violated RFC 6455
            self._close(event.code, event.reason, discard=True)
        return None

    def _read(self) -> bytes:
        began = time.monotonic()
        self._ping_timer.read_started(began)
        try:
            data: bytes = self._sock.recv(_READ_SIZE)
        except OSError:
            data = b""
        self._ping_timer.read_ended(data)
        self._time_slice.waited_since(began)
        if not data:
            self.abort()
        return data

    def _send_event(self, event: Any) -> None:
        with self._lock:
            if self.closed:
                return
            try:
                queued = self._send_queue.put(self._protocol.send(event))
            except LocalProtocolError:
                return  # the client has closed; `receive` will see it next
        if not queued:
            self._close_slow_client(within=self._times.send_timeout)

    def _close_slow_client(self, within: float) -> None:
        code = CloseReason.TRY_AGAIN_LATER
        if self._close(code, "the client reads too slowly", discard=True, within=within):
            metrics.slow_clients.inc()

    def _close(
        self, code: int, reason: str | None, *, discard: bool = False, within: float | None = None
    ) -> bool:
        """Close; ``discard`` and ``within`` are those of `SendQueue.close`.

        Returns False if it was closed before.
        """
        with self._lock:
            if self.closed:
                return False
            # The reason first: `receive` looks at both without the lock.
            self.close_reason, self.close_message = code, reason
            self.closed = True
            self._ping_timer.stop()
            frame = self._protocol.send(CloseConnection(code, reason))
            self._send_queue.close(frame, discard=discard, within=within)
            return True
