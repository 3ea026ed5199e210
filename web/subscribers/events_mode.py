"""Events mode, ``chat.events.v1``: every frame a JSON object with a type."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from marshmallow import Schema

from chat.channel import Event
from chat.client_frames import RefusedFrame, message_text, read_frame
from chat.errors import ChatError, words
from chat.mailbox import Accepted, Mailbox
from chat.message_log import log_step
from chat.server_frames import (
    AckSchema,
    ErrorSchema,
    HistorySchema,
    PongSchema,
    WaitSchema,
)
from chat.session_store import Session
from chat.worker_presence import ABSENT_AFTER
from web.dispatcher import Dispatcher
from web.subscribers.command_queue import Step
from web.subscribers.subscriber import Subscriber
from web.subscribers.worker_watch import WorkerWatch
from web.transport.websocket import WebSocket

SUBPROTOCOL = "chat.events.v1"

_ACK = AckSchema()
_ERROR = ErrorSchema()
_HISTORY = HistorySchema()
_PONG = PongSchema()
_WAIT = WaitSchema()
_ENDS = ("human", "reply", "failed")  # events with a whole message


class EventsSubscriber(Subscriber):
    """A socket that follows everything that happens in its session."""

    def __init__(
        self,
        websocket: WebSocket,
        token: str,
        on_gap: Callable[[Subscriber], None],
        mailbox: Mailbox,
        dispatcher: Dispatcher,
        max_length: int,
        watch: WorkerWatch,
    ) -> None:
        super().__init__(websocket, token, on_gap)
        self._mailbox = mailbox
        self._dispatcher = dispatcher
        self._max_length = max_length
        self._watch = watch
        self._told: str | None = None  # the message of which was said last that no worker is there

    def on_session(self, session: Session) -> None:
        self._send(_HISTORY, {"session": session, "messages": session.messages})
        self._told = None
        self._watch.look_at(self)

    def on_event(self, event: Event) -> None:
        if event.type == "unserved":
            self._tell_unserved(**json.loads(event.frame))
            return
        if event.type != "human":
            self._told = None  # a client learns from it that somebody is there
        if event.type == "failed":
            self._send_failed(json.loads(event.frame))
        else:
            self.websocket.send(event.frame)
        if event.type in _ENDS:
            self._watch.look_at(self)  # another message may be the oldest unanswered one now

    def on_frame(self, frame: str | bytes) -> Step | None:
        try:
            asked = read_frame(frame)
        except RefusedFrame as error:
            refused = error
            return lambda: self._refuse(refused, refused.id)  # in its turn
        if asked["type"] == "ping":
            self._send(_PONG, {})
            return None
        return lambda: self._do(asked)

    def _do(self, asked: dict[str, Any]) -> None:
        try:
            match asked["type"]:
                case "message":
                    text = message_text(asked["msg"], self._max_length)
                    self._take(asked["id"], lambda: self._accept(asked["id"], text))
                case "retry":
                    self._take(asked["id"], lambda: self._mailbox.retry(self.token, asked["id"]))
                case "stop":
                    self._stop(asked.get("id"))
        except ChatError as error:
            self._refuse(error, asked.get("id"))

    def _accept(self, message_id: str, text: str) -> Accepted:
        return self._mailbox.accept(self.token, message_id, text)

    def _take(self, message_id: str, step: Callable[[], Accepted]) -> None:
        with self.hold():  # the reply may begin before the step's answer is here
            accepted = step()
            self._send(_ACK, {"id": message_id, "position": accepted.position})
            self._told = None
        self._watch.look_at(self)
        log_step("accepted", self.token, message_id, position=accepted.position)
        if accepted.must_enqueue:
            self._dispatcher.dispatch(self.token, message_id)

    def _tell_unserved(self, reply_to: str, no_worker: bool) -> None:
        told = reply_to if no_worker else None
        if told == self._told:
            return
        self._told = told
        wait = {"reply_to": reply_to, "code": "busy", "retry_after": ABSENT_AFTER}
        self._send(_WAIT, {**wait, "reason": "no_worker"} if no_worker else wait)

    def _stop(self, message_id: str | None) -> None:
        stopped = message_id or self._mailbox.oldest_unanswered(self.token)
        if not stopped:
            return
        must_enqueue = self._mailbox.stop(self.token, stopped)
        log_step("stopped", self.token, stopped)
        if must_enqueue:
            self._dispatcher.dispatch(self.token, stopped)

    def _refuse(self, error: ChatError, frame_id: str | None) -> None:
        refusal = {
            "code": error.code,
            "msg": error.msg,
            "id": frame_id,
            "retry_after": error.retry_after,
        }
        self._send(_ERROR, refusal)

    def _send_failed(self, reply: dict[str, Any]) -> None:
        code = reply["error"]
        self._send(_ERROR, {"code": code, "msg": words(code), "reply_to": reply["reply_to"]})

    def _send(self, schema: Schema, data: Any) -> None:
        self.websocket.send(json.dumps(schema.dump(data)))
