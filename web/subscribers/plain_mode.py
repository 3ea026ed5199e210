"""Plain mode: the client sends texts, and gets one JSON object for each whole reply."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from chat.channel import SessionEvent
from chat.errors import ChatError, Invalid, error_message
from chat.ids import new_id, timestamp
from chat.server_frames import PlainSchema
from chat.session_schema import BOT
from chat.session_store import Session
from web.subscribers.command_queue import Command
from web.subscribers.session_actions import SessionActions
from web.subscribers.subscriber import Subscriber
from web.transport.websocket import WebSocket

_PLAIN = PlainSchema()

# How a reply has ended: its id, status and length. It ends again after it was continued.
_Ended = tuple[str, str, int]


class PlainSubscriber(Subscriber):
    """A WebSocket without our subprotocol, such as that of the tutorial's client."""

    def __init__(
        self,
        websocket: WebSocket,
        token: str,
        request_resync: Callable[[Subscriber], None],
        actions: SessionActions,
        *,
        at_handshake: Session,
    ) -> None:
        """``at_handshake`` is the session at the handshake. Replies that had ended are not sent."""
        super().__init__(websocket, token, request_resync)
        self._actions = actions
        ended = _ended_replies(at_handshake)
        # Only replies from this index on can be new: the last one may be retried or continued.
        self._first = max(0, len(ended) - 1)
        # Those that were sent, or had ended before.
        self._sent: set[_Ended] = {_ended(reply, _text(reply)) for reply in ended[self._first :]}

    def on_session(self, session: Session) -> None:
        for reply in _ended_replies(session)[self._first :]:
            self._send_reply(reply, _text(reply))

    def on_event(self, event: SessionEvent) -> None:
        if event.type in ("reply", "failed"):
            reply = json.loads(event.frame)
            self._send_reply(reply, reply["msg"])

    def on_frame(self, frame: str | bytes) -> Command:
        return lambda: self._accept(frame)

    def _accept(self, frame: str | bytes) -> None:
        try:
            if isinstance(frame, bytes):
                raise Invalid("a binary frame")
            self._actions.accept(self.token, new_id(), frame)
        except ChatError as error:
            self._send(new_id(), error.msg, timestamp(), error.code)

    def _send_reply(self, reply: dict[str, Any], text: str) -> None:
        ended = _ended(reply, text)
        if ended in self._sent:
            return
        self._sent.add(ended)
        if reply["status"] == "failed":
            self._send(
                reply["id"], error_message(reply["error"]), reply["timestamp"], reply["error"]
            )
        elif text:  # a reply that was stopped before its first word is not sent
            self._send(reply["id"], text, reply["timestamp"])

    def _send(self, reply_id: str, msg: str, time: str, error: str | None = None) -> None:
        frame = {"id": reply_id, "msg": msg, "timestamp": time}
        if error:
            frame["error"] = error
        self.websocket.send(json.dumps(_PLAIN.dump(frame)))


def _text(stored: dict[str, Any]) -> str:
    text: str = stored["msg"].removeprefix(BOT)
    return text


def _ended(reply: dict[str, Any], text: str) -> _Ended:
    return reply["id"], reply["status"], len(text)


def _ended_replies(session: Session) -> list[dict[str, Any]]:
    return session.messages[1 : 2 * session.answered : 2]
