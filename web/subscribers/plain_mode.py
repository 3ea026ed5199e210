"""Plain mode: text in, one JSON object out for each whole reply, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from chat.channel import Event
from chat.client_frames import message_text
from chat.errors import ChatError, Invalid, words
from chat.ids import new_id, timestamp
from chat.mailbox import Mailbox
from chat.message_log import log_step
from chat.server_frames import PlainSchema
from chat.session_schema import BOT
from chat.session_store import Session
from web.dispatcher import Dispatcher
from web.subscribers.command_queue import Step
from web.subscribers.subscriber import Subscriber
from web.transport.websocket import WebSocket

_PLAIN = PlainSchema()


class PlainSubscriber(Subscriber):
    """A socket that offered no subprotocol, such as the tutorial's client."""

    def __init__(
        self,
        websocket: WebSocket,
        token: str,
        on_gap: Callable[[Subscriber], None],
        mailbox: Mailbox,
        dispatcher: Dispatcher,
        max_length: int,
    ) -> None:
        super().__init__(websocket, token, on_gap)
        self._mailbox = mailbox
        self._dispatcher = dispatcher
        self._max_length = max_length
        self._first = -1  # where in the history the replies begin that this socket may be owed
        self._sent: set[str] = set()  # of those, the ones that it has, or had when it opened

    def on_session(self, session: Session) -> None:
        """Send the replies that ended since the socket opened and that it has not got."""
        ended = session.messages[1 : 2 * session.answered : 2]
        if self._first < 0:
            self._first = max(0, len(ended) - 1)  # a retry may replace the last one
            self._sent.update(reply["id"] for reply in ended[self._first :])
        for reply in ended[self._first :]:
            self._send_reply(reply)

    def on_event(self, event: Event) -> None:
        if event.type in ("reply", "failed"):
            self._send_reply(json.loads(event.frame))

    def on_frame(self, frame: str | bytes) -> Step:
        return lambda: self._accept(frame)

    def _accept(self, frame: str | bytes) -> None:
        try:
            if isinstance(frame, bytes):
                raise Invalid("a binary frame")
            message_id = new_id()
            text = message_text(frame, self._max_length)
            accepted = self._mailbox.accept(self.token, message_id, text)
        except ChatError as error:
            self._send(new_id(), error.msg, timestamp(), error.code)
        else:
            log_step("accepted", self.token, message_id)
            if accepted.must_enqueue:
                self._dispatcher.dispatch(self.token, message_id)

    def _send_reply(self, reply: dict[str, Any]) -> None:
        if reply["id"] in self._sent:
            return
        self._sent.add(reply["id"])
        text = reply["msg"].removeprefix(BOT)
        if reply["status"] == "failed":
            self._send(reply["id"], words(reply["error"]), reply["timestamp"], reply["error"])
        elif text:  # one that was stopped before its first word is not sent
            self._send(reply["id"], text, reply["timestamp"])

    def _send(self, reply_id: str, msg: str, time: str, error: str | None = None) -> None:
        shown = {"id": reply_id, "msg": msg, "timestamp": time}
        if error:
            shown["error"] = error
        self.websocket.send(json.dumps(_PLAIN.dump(shown)))
