"""A session as a prompt or a pipe uses it: send, retry, continue, stop, and read a snapshot."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from terminal.connection_loop import ConnectionLoop
from terminal.conversation import Exchange, Reply
from terminal.errors import Failed
from terminal.pending_requests import PendingRequest
from terminal.session_state import SessionState
from terminal.snapshot import Snapshot
from terminal.websocket_client import MAX_FRAME_SIZE, encode


def sendable(text: str) -> str:
    """Return a text as it is sent: without white space at its ends and lone surrogates.

    Raises:
        Failed: The text is blank.
    """
    text = text.encode(errors="replace").decode().strip()
    if not text:
        raise Failed("The message is empty.")
    return text


class SessionClient:
    """A session followed over ``chat.events.v1``. Any thread may call it.

    ``on_change`` is called without arguments when `snapshot` may return something new. It is
    called in the thread of `ConnectionLoop`, and in the caller's thread by `stop`.
    """

    def __init__(self, url: str, token: str, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._state = SessionState()
        self._outbox = self._state.outbox
        self._loop = ConnectionLoop(url, token, self._state, on_change)

    def start(self) -> None:
        """Begin to follow the session."""
        self._loop.start()

    def close(self) -> None:
        """Disconnect. The session stays as it is."""
        self._loop.close()
        with self._state.lock:
            self._outbox.close()

    def snapshot(self) -> Snapshot:
        """Return the current state."""
        return self._state.snapshot()

    def send_message(self, text: str) -> str:
        """Send a message once all earlier requests are confirmed; return its id.

        Raises:
            Failed: The text is blank or too long, too many requests are pending, or the session
                has ended.
        """
        return self._request(
            PendingRequest({"type": "message", "id": str(uuid.uuid4()), "msg": sendable(text)})
        )

    def retry(self, text: str | None = None) -> str:
        """Request another reply to the last message, which gets a new text unless it is None.

        Returns the message's id.

        Raises:
            Failed: There is no message, it is not answered yet, or as for `send_message`.
        """
        with self._state.lock:
            last, reply = self.last_exchange()
            frame = {"type": "retry", "id": last.id}
            if text is not None:
                frame["msg"] = sendable(text)
            return self._request(PendingRequest(frame, old_reply=reply.id))

    def continue_reply(self) -> str:
        """Request the rest of the last reply; return the message's id.

        Raises:
            Failed: The reply is complete, or as for `retry`.
        """
        with self._state.lock:
            last, reply = self.last_exchange()
            if not reply.cut:
                raise Failed("The last reply is complete. /retry generates another one.")
            frame = {"type": "continue", "id": last.id}
            return self._request(PendingRequest(frame, old_text=reply.msg))

    def last_exchange(self) -> tuple[Exchange, Reply]:
        """Return the last message and its reply, which is finished.

        Raises:
            Failed: There is no message, or it is not answered yet.
        """
        exchanges = self._state.conversation.exchanges
        if not exchanges:
            raise Failed("There is no message yet.")
        last = exchanges[-1]
        if last.reply is None or not last.reply.finished:
            raise Failed("The last message is not answered yet.")
        return last, last.reply

    def stop(self) -> None:
        """Stop the oldest reply that is not finished, or withdraw the first pending request."""
        with self._state.lock:
            first = self._outbox.pending.first
            exchange = self._state.conversation.unanswered()
            if exchange:
                self._outbox.stop(exchange.id)
            elif first and first.sent and not self._outbox.timer.postponed:
                self._outbox.stop(first.id)
            elif first:
                self._outbox.withdraw(first)
                outcome = "is withdrawn" if first.sent else "was not sent"
                self._state.add_refusal(first.id, f"Your message {outcome}.")
        self._on_change()

    def _request(self, request: PendingRequest) -> str:
        if len(encode(request.frame).encode()) > MAX_FRAME_SIZE:
            raise Failed("That message is too long.")
        with self._state.lock:
            snapshot = self._state.snapshot()
            if snapshot.state == "ended":
                raise Failed(snapshot.reason)
            if self._outbox.pending.full:
                raise Failed("Too many messages are waiting to be sent.")
            self._state.remove_refusal(request.id)
            self._outbox.add(request)
        return request.id
