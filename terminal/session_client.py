"""A session as a client follows it: over one WebSocket after another, until the session ends."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from terminal.backoff import reconnect_delay
from terminal.conversation import GapError, apply_frame
from terminal.errors import Failed
from terminal.outbox import Outbox
from terminal.pending_requests import PendingRequest
from terminal.snapshot import Snapshot
from terminal.websocket_client import (
    MAX_FRAME_SIZE,
    ConnectionLostError,
    ConnectionSilentError,
    WebSocketClient,
    encode,
)

STABLE_AFTER = 5.0  # seconds of connection after which reconnect delays begin small again

_REFUSED_FOR_NOW = ("busy", "rate_limited")


class SessionClient:
    """A session followed over ``chat.events.v1``. Any thread may call it.

    ``on_change`` is called without arguments when `snapshot` may return something new. It is
    called in this client's thread, and in the caller's thread by `stop`.
    """

    def __init__(self, url: str, token: str, on_change: Callable[[], None]) -> None:
        self._url = url
        self._token = token
        self._on_change = on_change
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._snapshot = Snapshot(disconnected_since=time.monotonic())
        self._outbox = Outbox(self._lock, lambda: self._snapshot.conversation)
        self._thread = threading.Thread(target=self._run, name="session-client", daemon=True)

    def start(self) -> None:
        """Begin to follow the session."""
        self._thread.start()

    def close(self) -> None:
        """Disconnect. The session stays as it is."""
        self._closed.set()
        with self._lock:
            self._outbox.close()

    def snapshot(self) -> Snapshot:
        """Return the current state."""
        with self._lock:
            outbox = self._outbox
            return replace(
                self._snapshot, pending=outbox.pending.ids, postponed=outbox.timer.postponed
            )

    def send_message(self, text: str) -> str:
        """Send a message once all earlier requests are confirmed; return its id.

        Raises:
            Failed: The text is blank or too long, too many requests are pending, or the session
                has ended.
        """
        text = text.encode(errors="replace").decode().strip()  # replaces lone surrogates
        frame = {"type": "message", "id": str(uuid.uuid4()), "msg": text}
        if not text:
            raise Failed("There is nothing to say.")
        if len(encode(frame).encode()) > MAX_FRAME_SIZE:
            raise Failed("That message is too long.")
        return self._request(PendingRequest(frame))

    def retry(self) -> str:
        """Request another reply to the last message; return the message's id.

        Raises:
            Failed: There is no message, it is not answered yet, or as for `send_message`.
        """
        with self._lock:
            exchanges = self._snapshot.conversation.exchanges
            if not exchanges:
                raise Failed("There is no message yet to answer again.")
            last = exchanges[-1]
            if last.reply is None or not last.reply.finished:
                raise Failed("The last message is still to be answered.")
            frame = {"type": "retry", "id": last.id}
            return self._request(PendingRequest(frame, old_reply=last.reply.id))

    def stop(self) -> None:
        """Stop the oldest reply that is not finished, or withdraw the first pending request."""
        with self._lock:
            first = self._outbox.pending.first
            exchange = self._snapshot.conversation.unanswered()
            if exchange:
                self._outbox.stop(exchange.id)
            elif first and first.sent and not self._outbox.timer.postponed:
                self._outbox.stop(first.id)
            elif first:
                self._outbox.withdraw(first)
                outcome = "is withdrawn" if first.sent else "was not sent"
                self._add_refusal(first.id, f"Your message {outcome}.")
        self._on_change()

    def _request(self, request: PendingRequest) -> str:
        with self._lock:
            if self._snapshot.state == "ended":
                raise Failed(self._snapshot.reason)
            if self._outbox.pending.full:
                raise Failed("Too much is waiting to be sent already.")
            refused = {k: why for k, why in self._snapshot.refused.items() if k != request.id}
            self._update(refused=refused)
            self._outbox.add(request)
        return request.id

    def _update(self, **changes: Any) -> None:
        self._snapshot = replace(self._snapshot, **changes)

    def _add_refusal(self, message_id: str, sentence: str) -> None:
        self._update(refused={**self._snapshot.refused, message_id: sentence})

    # The methods below run in the client's own thread.

    def _run(self) -> None:
        attempts, reason = 0, "The connection has ended."
        try:
            while not self._closed.is_set():
                began = time.monotonic()
                try:
                    self._follow()
                except ConnectionSilentError as error:
                    self._on_disconnect(str(error))
                    attempts = 0
                    continue  # without a delay: the client has just waited for the server
                except ConnectionLostError as error:
                    self._on_disconnect(str(error))
                attempts = attempts + 1 if time.monotonic() - began < STABLE_AFTER else 1
                self._closed.wait(reconnect_delay(attempts))
        except Failed as error:
            reason = str(error)
        finally:  # after a bug too, so that nobody waits for a thread that has ended
            with self._lock:
                self._update(state="ended", reason=reason)
            self._on_change()

    def _follow(self) -> None:
        """Connect, and apply frames until the connection is lost.

        Raises:
            ConnectionLostError: The connection or a frame was lost.
            Failed: The session has ended, or the server does not speak the protocol.
        """
        websocket = WebSocketClient(self._url, self._token)
        try:
            while True:
                frame = websocket.receive(lambda: self.snapshot().frame_due)
                try:
                    self._apply(frame, websocket)
                except (GapError, KeyError, TypeError, ValueError) as error:
                    # A frame is missing, or violates the contract.
                    raise ConnectionLostError from error
                self._on_change()
        finally:
            with self._lock:
                self._outbox.disconnected()
            websocket.close()

    def _on_disconnect(self, reason: str) -> None:
        with self._lock:
            since = self._snapshot.disconnected_since or time.monotonic()
            self._update(state="lost", reason=reason, disconnected_since=since)
        self._on_change()

    def _apply(self, frame: dict[str, Any], websocket: WebSocketClient) -> None:
        with self._lock:
            self._update(conversation=apply_frame(self._snapshot.conversation, frame))
            match frame["type"]:
                case "history":
                    self._update(state="open", reason="", disconnected_since=None, has_history=True)
                    self._outbox.connected(websocket)
                case "message":
                    self._outbox.on_message(frame["id"])
                case "ack":
                    self._on_ack(frame["id"])
                case "error" if "id" in frame:
                    self._on_refusal(frame)

    def _on_ack(self, message_id: str) -> None:
        request = self._outbox.pending.remove(message_id)
        conversation = self._snapshot.conversation
        exchange = conversation.exchange(message_id)
        reply_id = exchange.reply.id if exchange and exchange.reply else None
        if request and request.frame["type"] == "retry" and reply_id == request.old_reply:
            self._update(conversation=conversation.without_reply(message_id))
        self._outbox.proceed()

    def _on_refusal(self, frame: dict[str, Any]) -> None:
        message_id = frame["id"]
        if frame["code"] in _REFUSED_FOR_NOW:
            self._outbox.postpone(message_id, frame["code"], frame.get("retry_after"))
        elif self._outbox.pending.remove(message_id):
            self._outbox.forget_stop(message_id)
            self._add_refusal(message_id, frame["msg"])
            self._outbox.proceed()
