"""Plain mode: the client sends texts, and gets one JSON object for each whole reply."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from chat.channel import SessionEvent
from chat.errors import ChatError, Invalid, error_message
from chat.ids import new_id, timestamp
from chat.metrics import count_refusal
from chat.server_frames import PlainSchema
from chat.session_schema import BOT
from chat.session_store import Session
from web.subscribers.command_queue import Command
from web.subscribers.subscriber import Services, Subscriber
from web.transport.websocket import WebSocket

_PLAIN = PlainSchema()

# How a reply has ended: its id, status and length. It ends again after it was continued.
_Ended = tuple[str, str, int]


class EndedReplies(NamedTuple):
    """The replies of a session that have ended."""

    how_many: int
    last: _Ended | None


def ended_replies(session: Session) -> EndedReplies:
    """Return what a `PlainSubscriber` needs to know of the session at its handshake."""
    replies = _ended_replies(session)
    last = _ended(replies[-1], _text(replies[-1])) if replies else None
    return EndedReplies(len(replies), last)


class PlainSubscriber(Subscriber):
    """A WebSocket without our subprotocol, such as that of the tutorial's client."""

    __slots__ = ("_first", "_sent")

    def __init__(
        self,
        websocket: WebSocket,
        token: str,
        services: Services,
        ended: EndedReplies,
    ) -> None:
        """``ended`` are the replies that had ended at the handshake. They are not sent."""
        super().__init__(websocket, token, services)
        # Only replies from this index on can be new: the last one may be retried or continued.
        self._first = max(0, ended.how_many - 1)
        # Those that were sent, or had ended before.
        self._sent: set[_Ended] = {ended.last} if ended.last else set()

    def prepare_session(self, session: Session) -> Callable[[], None]:
        replies = _ended_replies(session)[self._first :]

        def send() -> None:
            for reply in replies:
                self._send_reply(reply, _text(reply))

        return send

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
            self.services.actions.accept(self.token, new_id(), frame)
        except ChatError as error:
            count_refusal(error.code)
            self._send(new_id(), error.msg, timestamp(), error.code)

    def _send_reply(self, reply: dict[str, Any], text: str) -> None:
        ended = _ended(reply, text)
        if ended in self._sent:
            return
        self._sent.add(ended)
        if reply["status"] == "failed":
            error_text = reply.get("error_msg") or error_message(reply["error"])
            self._send(reply["id"], error_text, reply["timestamp"], reply["error"])
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
