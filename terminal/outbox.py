"""Requests and stops on their way to the server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from terminal.conversation import Conversation
from terminal.pending_requests import PendingRequest, PendingRequests
from terminal.resend_timer import ResendTimer
from terminal.websocket_client import WebSocketClient


class Outbox:
    """Sends requests and stops as soon as the WebSocket and the server allow it.

    A request (message or retry) is sent once the server has confirmed or refused the one before.
    A stop is sent once the server has its message. All methods are called with ``lock`` held;
    ``conversation`` returns the current conversation.
    """

    def __init__(
        self, lock: AbstractContextManager[object], conversation: Callable[[], Conversation]
    ) -> None:
        self.pending = PendingRequests()
        self.timer = ResendTimer(self._resend)
        self._lock = lock
        self._conversation = conversation
        self._stops: set[str] = set()  # ids of the messages whose replies are to be stopped
        self._websocket: WebSocketClient | None = None  # once it has sent the history

    def connected(self, websocket: WebSocketClient) -> None:
        """Send over this WebSocket from now on. The conversation is its history."""
        self._websocket = websocket
        self.pending.remove_confirmed(self._conversation())
        if not self.pending.first:
            self.timer.postponed = None
        self._send()

    def disconnected(self) -> None:
        """Keep everything until the next WebSocket."""
        self._websocket = None

    def close(self) -> None:
        """Send nothing more, and close the WebSocket."""
        self.timer.cancel()
        if self._websocket:
            self._websocket.disconnect()
            self._websocket = None

    def add(self, request: PendingRequest) -> None:
        """Append a request; send it if it is the first."""
        self._stops.discard(request.id)
        self.pending.add(request)
        if self.pending.first is request:
            self.timer.refresh_postponed()
            self._send_first()

    def withdraw(self, request: PendingRequest) -> None:
        """Remove a request that the server has not confirmed."""
        self.pending.remove(request.id)
        if request.sent:  # the server may have accepted it although its answer was lost
            self._stops.add(request.id)

    def stop(self, message_id: str) -> None:
        """Stop the reply to a message, now or as soon as the server has the message."""
        self._stops.add(message_id)
        self._send_stop(message_id)

    def on_message(self, message_id: str) -> None:
        """The server has this message: send a stop that waits for it."""
        if message_id in self._stops:
            self._send_stops()

    def forget_stop(self, message_id: str) -> None:
        """The server has refused this message: there is no reply to stop."""
        self._stops.discard(message_id)

    def postpone(self, message_id: str, code: str, retry_after: object) -> None:
        """The server has refused a frame with this id for now: start a pause."""
        first = self.pending.first
        if message_id in self._stops or (first and first.id == message_id):
            self.timer.start(code, retry_after)
        # Otherwise the request has been withdrawn meanwhile.

    def proceed(self) -> None:
        """The server has answered a request: end the pause, and send the next request."""
        self.timer.reset()
        self._send()

    def _send(self) -> None:
        self._send_stops()
        self._send_first()

    def _send_stops(self) -> None:
        for message_id in self._stops - set(self.pending.ids):
            self._send_stop(message_id)

    def _send_stop(self, message_id: str) -> None:
        exchange = self._conversation().exchange(message_id)
        if exchange and exchange.answered and message_id not in self.pending.ids:
            self._stops.discard(message_id)
        elif exchange and not exchange.answered and self._websocket:
            self._websocket.send({"type": "stop", "id": message_id})

    def _send_first(self) -> None:
        request = self.pending.first
        if request and self._websocket and not self.timer.running:
            request.sent = True
            self._websocket.send(request.frame)

    def _resend(self) -> None:
        with self._lock:
            self.timer.expired()
            self._send()
