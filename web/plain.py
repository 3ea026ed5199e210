"""Plain mode: text in, one JSON object out for each whole reply, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from chat.channel import Event
from chat.errors import ChatError, Invalid, words
from chat.mailbox import Mailbox
from chat.schemas import BOT, PlainSchema, message_text, new_id, timestamp
from chat.store import Session
from web.connection import Connection
from web.inbox import Step
from web.link import Link
from web.ringer import Ringer

_PLAIN = PlainSchema()


class Plain(Connection):
    """A socket that offered no subprotocol, such as the tutorial's client."""

    def __init__(
        self,
        link: Link,
        token: str,
        on_gap: Callable[[Connection], None],
        mailbox: Mailbox,
        ringer: Ringer,
        longest: int,
    ) -> None:
        super().__init__(link, token, on_gap)
        self._mailbox = mailbox
        self._ringer = ringer
        self._longest = longest
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
        if event.type == "message" and "reply_to" in event.data["message"]:
            self._send_reply(event.data["message"])

    def on_frame(self, frame: str | bytes) -> Step:
        return lambda: self._accept(frame)

    def _accept(self, frame: str | bytes) -> None:
        try:
            if isinstance(frame, bytes):
                raise Invalid("a binary frame")
            accepted = self._mailbox.accept(
                self.token, new_id(), message_text(frame, self._longest)
            )
        except ChatError as error:
            self._send(new_id(), error.msg, timestamp(), error.code)
        else:
            if accepted.ring:
                self._ringer.ring(self.token)

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
        self.link.send(json.dumps(_PLAIN.dump(shown)))
