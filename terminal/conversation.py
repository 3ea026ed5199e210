"""A session's messages and replies, as the client knows them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

NO_WORKER = "no_worker"  # the reason in a `wait` frame while no worker runs
THINKING = "thinking"  # the model works on the reply without text to show


@dataclass(frozen=True)
class Reply:
    """The bot's reply to a message."""

    id: str  # '' if the reply failed before it began
    msg: str = ""
    n: int = 0  # while the reply streams: the number of deltas in `msg`
    status: str = "streaming"
    error: str = ""  # why the reply failed: a sentence
    timestamp: str = ""
    finish: str = ""  # of a reply that is done: "stop", or "length" if the model's limit cut it

    @property
    def finished(self) -> bool:
        return self.status != "streaming"

    @property
    def cut(self) -> bool:
        """Whether the reply can be continued."""
        has_text = self.status == "failed" and bool(self.msg)
        return self.finish == "length" or self.status == "stopped" or has_text


@dataclass(frozen=True)
class Exchange:
    """A message of the person, and its reply."""

    id: str  # of the message
    msg: str = ""
    timestamp: str = ""
    reply: Reply | None = None
    position: int = 0  # the number of messages that are answered before this one
    wait_reason: str = ""  # `NO_WORKER`, `THINKING`, or the code of the last `wait` frame
    retries: int = 0  # that the server has acknowledged since the last history

    @property
    def answered(self) -> bool:
        return self.reply is not None and self.reply.finished


@dataclass(frozen=True)
class Conversation:
    """The session's exchanges in order."""

    name: str = ""
    session_start: str = ""
    exchanges: tuple[Exchange, ...] = ()

    def exchange(self, message_id: str) -> Exchange | None:
        """Return the exchange of a message."""
        return next((each for each in self.exchanges if each.id == message_id), None)

    def unanswered(self) -> Exchange | None:
        """Return the oldest exchange whose reply is not finished."""
        return next((each for each in self.exchanges if not each.answered), None)

    def without_reply(self, message_id: str) -> Conversation:
        """Return the conversation after the server has acknowledged a retry of the message."""
        exchange = self.exchange(message_id)
        return self.with_exchange(
            message_id, reply=None, retries=exchange.retries + 1 if exchange else 0
        )

    def with_open_reply(self, message_id: str) -> Conversation:
        """Return the conversation after the server has acknowledged a continue of the reply."""
        exchange = self.exchange(message_id)
        if exchange is None or exchange.reply is None or not exchange.reply.finished:
            return self
        # Its `start` comes next, and says how many deltas the text counts as.
        reply = replace(exchange.reply, status="streaming", error="", finish="")
        return self.with_exchange(message_id, reply=reply)

    def with_exchange(self, message_id: str, **changes: Any) -> Conversation:
        """Return the conversation with one exchange changed.

        The exchange is added if it is not there: the `ack` of a message can come before its
        `message` frame.
        """
        if self.exchange(message_id) is None:
            exchanges = (*self.exchanges, replace(Exchange(message_id), **changes))
        else:
            exchanges = tuple(
                replace(each, **changes) if each.id == message_id else each
                for each in self.exchanges
            )
        return replace(self, exchanges=exchanges)
