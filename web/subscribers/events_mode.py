"""Events mode, ``chat.events.v1``: every frame is a JSON object with a type."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from marshmallow import Schema

from chat.channel import SessionEvent
from chat.client_frames import RefusedFrame, read_frame
from chat.errors import ChatError, error_message
from chat.json_lists import encode_object
from chat.metrics import count_refusal
from chat.server_frames import (
    AckSchema,
    ErrorSchema,
    HistorySchema,
    MessageSchema,
    PongSchema,
    WaitSchema,
)
from chat.session_store import Session
from chat.worker_heartbeat import ABSENT_AFTER
from web.subscribers.command_queue import Command
from web.subscribers.subscriber import Services, Subscriber
from web.transport.websocket import WebSocket

SUBPROTOCOL = "chat.events.v1"

_ACK = AckSchema()
_ERROR = ErrorSchema()
_HISTORY = HistorySchema(exclude=["messages"])
_MESSAGE = MessageSchema()
_PONG = PongSchema()
_WAIT = WaitSchema()
# Events with a whole message.
_MESSAGES = ("human", "reply", "failed")


class EventsSubscriber(Subscriber):
    """A WebSocket with our subprotocol: its client gets every event of the session."""

    __slots__ = ("_absence_sent_for",)

    def __init__(self, websocket: WebSocket, token: str, services: Services) -> None:
        super().__init__(websocket, token, services)
        # The id of the message for which the client was sent `no_worker`; None after any frame that
        # shows that a worker is running.
        self._absence_sent_for: str | None = None

    def prepare_session(self, session: Session) -> Callable[[], None]:
        messages = map(_MESSAGE.dump, session.messages)
        frame = encode_object(_HISTORY.dump({"session": session}), "messages", messages)

        def send() -> None:
            self.websocket.send(frame)
            self._absence_sent_for = None
            self.services.request_absence_check(self)

        return send

    def on_event(self, event: SessionEvent) -> None:
        if event.type == "unserved":
            self._send_unserved(**json.loads(event.frame))
            return
        if event.type == "retried":  # clients drop the old reply when they get `start`
            return
        if event.type != "human":
            self._absence_sent_for = None  # a worker, or a stop, has published it
        if event.type == "failed":
            self._send_failed(json.loads(event.frame))
        else:
            self.websocket.send(event.frame)
        if event.type in _MESSAGES:
            # Another message may be the oldest unanswered one now.
            self.services.request_absence_check(self)

    def on_frame(self, frame: str | bytes) -> Command | None:
        try:
            request = read_frame(frame)
        except RefusedFrame as error:
            refused = error
            return lambda: self._refuse(refused, refused.id)  # after the answers to earlier frames
        if request["type"] == "ping":
            self._send(_PONG, {})
            return None
        return lambda: self._handle_request(request)

    def _handle_request(self, request: dict[str, Any]) -> None:
        try:
            match request["type"]:
                case "message":
                    self._accept(request["id"], request["msg"])
                case "retry":
                    self._retry(request["id"], request.get("msg"))
                case "continue":
                    self._continue(request["id"])
                case "stop":
                    self.services.actions.stop(self.token, request.get("id"))
        except ChatError as error:
            self._refuse(error, request.get("id"))

    def _accept(self, message_id: str, text: str) -> None:
        with self.buffering():  # events of the reply come after the ack
            position = self.services.actions.accept(self.token, message_id, text)
            self._acknowledge(message_id, position)
        self.services.request_absence_check(self)

    def _retry(self, message_id: str, text: str | None) -> None:
        with self.buffering():
            position = self.services.actions.retry(self.token, message_id, text)
            self._acknowledge(message_id, position)
        self.services.request_absence_check(self)

    def _continue(self, message_id: str) -> None:
        with self.buffering():
            position = self.services.actions.continue_reply(self.token, message_id)
            self._acknowledge(message_id, position)
        self.services.request_absence_check(self)

    def _acknowledge(self, message_id: str, position: int) -> None:
        self._send(_ACK, {"id": message_id, "position": position})
        self._absence_sent_for = None

    def _send_unserved(self, reply_to: str, no_worker: bool) -> None:
        """Send that no worker is there, or that one is there again, unless the client knows it."""
        absence = reply_to if no_worker else None
        if absence == self._absence_sent_for:
            return
        self._absence_sent_for = absence
        wait = {"reply_to": reply_to, "code": "busy", "retry_after": ABSENT_AFTER}
        self._send(_WAIT, {**wait, "reason": "no_worker"} if no_worker else wait)

    def _refuse(self, error: ChatError, frame_id: str | None) -> None:
        count_refusal(error.code)
        refusal = {
            "code": error.code,
            "msg": error.msg,
            "id": frame_id,
            "retry_after": error.retry_after,
        }
        self._send(_ERROR, refusal)

    def _send_failed(self, reply: dict[str, Any]) -> None:
        code = reply["error"]
        text = reply.get("error_msg") or error_message(code)
        self._send(_ERROR, {"code": code, "msg": text, "reply_to": reply["reply_to"]})

    def _send(self, schema: Schema, data: Any) -> None:
        self.websocket.send(json.dumps(schema.dump(data)))
