"""What the client knows of its session, and what it still has to send."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

from terminal.conversation import Conversation
from terminal.frames import apply_frame
from terminal.outbox import Outbox
from terminal.snapshot import Snapshot
from terminal.websocket_client import WebSocketClient

_REFUSED_FOR_NOW = ("busy", "rate_limited")


class SessionState:
    """Changes with each frame and each request. Any thread may call it.

    ``lock`` is held during each change. A caller holds it for a change in several steps, and
    whenever it uses ``outbox``.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.outbox = Outbox(self.lock, lambda: self.conversation)
        self._snapshot = Snapshot(disconnected_since=time.monotonic())

    @property
    def conversation(self) -> Conversation:
        return self._snapshot.conversation

    def snapshot(self) -> Snapshot:
        """Return an immutable copy."""
        with self.lock:
            return replace(
                self._snapshot,
                pending=self.outbox.pending.ids,
                postponed=self.outbox.timer.postponed,
            )

    def add_refusal(self, message_id: str, sentence: str) -> None:
        """Note that a request was refused or withdrawn, and why."""
        with self.lock:
            self._update(refused={**self._snapshot.refused, message_id: sentence})

    def remove_refusal(self, message_id: str) -> None:
        """Forget the refusal of a request that is sent again."""
        with self.lock:
            refused = {k: why for k, why in self._snapshot.refused.items() if k != message_id}
            self._update(refused=refused)

    def on_frame(self, frame: dict[str, Any], websocket: WebSocketClient) -> None:
        """Apply a frame that came over this WebSocket.

        Raises:
            GapError, KeyError, TypeError: As for `apply_frame`.
        """
        with self.lock:
            self._update(conversation=apply_frame(self.conversation, frame))
            match frame["type"]:
                case "history":
                    self._update(state="open", reason="", disconnected_since=None, has_history=True)
                    self.outbox.connected(websocket)
                case "message":
                    self.outbox.on_message(frame["id"])
                case "ack":
                    self._on_ack(frame["id"])
                case "error" if "id" in frame:
                    self._on_refusal(frame)

    def on_websocket_close(self) -> None:
        """Keep everything that is to be sent until the next WebSocket."""
        with self.lock:
            self.outbox.disconnected()

    def on_lost(self, reason: str) -> None:
        """Note that there is no connection; ``reason`` is a sentence or empty."""
        with self.lock:
            since = self._snapshot.disconnected_since or time.monotonic()
            self._update(state="lost", reason=reason, disconnected_since=since)

    def on_end(self, reason: str) -> None:
        """Note that the session is not followed any more; ``reason`` is a sentence."""
        with self.lock:
            self._update(state="ended", reason=reason)

    def _on_ack(self, message_id: str) -> None:
        request = self.outbox.pending.remove(message_id)
        exchange = self.conversation.exchange(message_id)
        reply_id = exchange.reply.id if exchange and exchange.reply else None
        kind = request.frame["type"] if request else ""
        if request and kind == "retry" and reply_id == request.old_reply:
            self._update(conversation=self.conversation.without_reply(message_id))
        elif kind == "continue":
            self._update(conversation=self.conversation.with_open_reply(message_id))
        self.outbox.proceed()

    def _on_refusal(self, frame: dict[str, Any]) -> None:
        message_id = frame["id"]
        if frame["code"] in _REFUSED_FOR_NOW:
            self.outbox.postpone(message_id, frame["code"], frame.get("retry_after"))
        elif self.outbox.pending.remove(message_id):
            self.outbox.forget_stop(message_id)
            self.add_refusal(message_id, frame["msg"])
            self.outbox.proceed()

    def _update(self, **changes: Any) -> None:
        self._snapshot = replace(self._snapshot, **changes)
