"""What a client knows of its session, folded from the frames of ``chat.events.v1``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from terminal.error_messages import error_message

NO_WORKER = "no_worker"  # a `wait` frame's reason


class GapError(Exception):
    """Frames were missed; only a new history helps."""


@dataclass(frozen=True)
class Reply:
    """What the bot says to a message."""

    id: str  # '' if the reply failed before it began
    msg: str = ""
    n: int = 0  # the deltas that `msg` holds while it streams
    status: str = "streaming"
    error: str = ""  # of one that failed, the words for a person
    timestamp: str = ""

    @property
    def finished(self) -> bool:
        return self.status != "streaming"


@dataclass(frozen=True)
class Turn:
    """A message of the person and what became of it."""

    id: str
    msg: str = ""
    timestamp: str = ""
    reply: Reply | None = None
    position: int = 0  # messages that wait before this one
    wait: str = ""  # why the reply has to wait: `NO_WORKER`, or a code of the model
    attempt: int = 0  # retries that this client has seen acknowledged since the last history

    @property
    def answered(self) -> bool:
        return self.reply is not None and self.reply.finished


@dataclass(frozen=True)
class Conversation:
    """The session's turns in order."""

    name: str = ""
    session_start: str = ""
    turns: tuple[Turn, ...] = ()

    def turn(self, message_id: str) -> Turn | None:
        """Return the turn that a message began."""
        return next((turn for turn in self.turns if turn.id == message_id), None)

    def unanswered(self) -> Turn | None:
        """Return the oldest turn whose reply is not finished."""
        return next((turn for turn in self.turns if not turn.answered), None)

    def without_reply(self, message_id: str) -> Conversation:
        """Return the conversation as it is once a retry of the message is acknowledged."""
        turn = self.turn(message_id)
        return self._with(message_id, reply=None, attempt=turn.attempt + 1 if turn else 0)

    def _with(self, message_id: str, **changes: Any) -> Conversation:
        """Change a turn, or begin one: the message itself may come after what is said of it."""
        if self.turn(message_id) is None:
            turns = (*self.turns, replace(Turn(message_id), **changes))
        else:
            turns = tuple(replace(t, **changes) if t.id == message_id else t for t in self.turns)
        return replace(self, turns=turns)


def fold(conversation: Conversation, frame: Mapping[str, Any]) -> Conversation:
    """Return the conversation after a frame of the server.

    Frames of a type that is not known, and errors that concern no reply, change nothing.

    Raises:
        GapError: The frame follows others that this conversation has not seen.
        KeyError, TypeError: The frame lacks what the contract gives it.
    """
    match frame["type"]:
        case "history":
            session = frame["session"]
            return _put(Conversation(session["name"], session["session_start"]), frame["messages"])
        case "message":
            return _put(conversation, [frame])
        case "ack":
            return conversation._with(frame["id"], position=frame["position"])
        case "start":
            return conversation._with(
                frame["reply_to"], reply=Reply(frame["id"]), position=0, wait=""
            )
        case "delta":
            return _append(conversation, frame["id"], frame["n"], frame["text"])
        case "wait":
            why = frame.get("reason") or frame["code"]
            return conversation._with(frame["reply_to"], wait=why, position=0)
        case "error" if "reply_to" in frame:
            turn = conversation.turn(frame["reply_to"])
            begun = (turn and turn.reply) or Reply("")
            failed = replace(begun, status="failed", error=frame["msg"])
            return conversation._with(frame["reply_to"], reply=failed)
    return conversation


def _put(conversation: Conversation, messages: Iterable[Mapping[str, Any]]) -> Conversation:
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


def _append(conversation: Conversation, reply_id: str, n: int, text: str) -> Conversation:
    for turn in conversation.turns:
        reply = turn.reply
        if reply is None or reply.id != reply_id:
            continue
        if reply.finished or n < reply.n:
            return conversation  # it is in what is held
        if n > reply.n:
            break
        said = replace(reply, msg=reply.msg + text, n=n + 1)
        return conversation._with(turn.id, reply=said, wait="")
    raise GapError(f"delta {n} of {reply_id} follows others that are not here")
