"""What a client knows of its session, folded from the frames of ``chat.events.v1``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from terminal.error_messages import error_message

NO_WORKER = "no_worker"  # a `wait` frame's reason


class GapError(Exception):
    """A frame was missed. Only a new history makes the conversation complete again."""


@dataclass(frozen=True)
class Reply:
    """The bot's reply to a message."""

    id: str  # '' if the reply failed before it began
    msg: str = ""
    n: int = 0  # while the reply streams: the number of deltas in `msg`
    status: str = "streaming"
    error: str = ""  # why the reply failed: a sentence
    timestamp: str = ""

    @property
    def finished(self) -> bool:
        return self.status != "streaming"


@dataclass(frozen=True)
class Exchange:
    """A message of the person, and its reply."""

    id: str  # of the message
    msg: str = ""
    timestamp: str = ""
    reply: Reply | None = None
    position: int = 0  # the number of messages that are answered before this one
    wait_reason: str = ""  # of the last `wait` frame: `NO_WORKER`, or the frame's code
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
        return self._with(message_id, reply=None, retries=exchange.retries + 1 if exchange else 0)

    def _with(self, message_id: str, **changes: Any) -> Conversation:
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


def apply_frame(conversation: Conversation, frame: Mapping[str, Any]) -> Conversation:
    """Return the conversation after a frame of the server.

    Frames of an unknown type, and errors that are not about a reply, change nothing.

    Raises:
        GapError: The frame follows frames that this conversation does not have.
        KeyError, TypeError: The frame does not have the fields of the contract.
    """
    match frame["type"]:
        case "history":
            session = frame["session"]
            empty = Conversation(session["name"], session["session_start"])
            return _with_messages(empty, frame["messages"])
        case "message":
            return _with_messages(conversation, [frame])
        case "ack":
            return conversation._with(frame["id"], position=frame["position"])
        case "start":
            return conversation._with(
                frame["reply_to"], reply=Reply(frame["id"]), position=0, wait_reason=""
            )
        case "delta":
            return _with_delta(conversation, frame["id"], frame["n"], frame["text"])
        case "wait":
            reason = frame.get("reason") or frame["code"]
            return conversation._with(frame["reply_to"], wait_reason=reason, position=0)
        case "error" if "reply_to" in frame:
            exchange = conversation.exchange(frame["reply_to"])
            partial = (exchange and exchange.reply) or Reply("")
            failed = replace(partial, status="failed", error=frame["msg"])
            return conversation._with(frame["reply_to"], reply=failed)
    return conversation


def _with_messages(
    conversation: Conversation, messages: Iterable[Mapping[str, Any]]
) -> Conversation:
    for message in messages:
        if message["source"] == "human":
            conversation = conversation._with(
                message["id"], msg=message["msg"], timestamp=message["timestamp"]
            )
        else:
            reply = Reply(
                message["id"],
                message["msg"],
                message.get("n", 0),
                message["status"],
                error_message(message["error"]) if "error" in message else "",
                message["timestamp"],
            )
            conversation = conversation._with(message["reply_to"], reply=reply)
    return conversation


def _with_delta(conversation: Conversation, reply_id: str, n: int, text: str) -> Conversation:
    for exchange in conversation.exchanges:
        reply = exchange.reply
        if reply is None or reply.id != reply_id:
            continue
        if reply.finished or n < reply.n:
            return conversation  # the reply has this delta already
        if n > reply.n:
            break
        longer = replace(reply, msg=reply.msg + text, n=n + 1)
        return conversation._with(exchange.id, reply=longer, wait_reason="")
    raise GapError(f"delta {n} of {reply_id} is not the next one")
