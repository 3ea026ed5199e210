"""What each frame of ``chat.events.v1`` does to the conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from terminal.conversation import THINKING, Conversation, Reply
from terminal.error_messages import error_message


class GapError(Exception):
    """A frame was missed. Only a new history makes the conversation complete again."""


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
            return conversation.with_exchange(frame["id"], position=frame["position"])
        case "start":
            reply = Reply(frame["id"], frame.get("msg", ""), frame.get("n", 0))
            return conversation.with_exchange(
                frame["reply_to"], reply=reply, position=0, wait_reason=""
            )
        case "thinking":
            exchange = conversation.exchange(frame["reply_to"])
            if exchange is None or exchange.answered:
                return conversation
            return conversation.with_exchange(exchange.id, wait_reason=THINKING)
        case "delta":
            return _with_delta(conversation, frame["id"], frame["n"], frame["text"])
        case "wait":
            reason = frame.get("reason") or frame["code"]
            return conversation.with_exchange(frame["reply_to"], wait_reason=reason, position=0)
        case "error" if "reply_to" in frame:
            exchange = conversation.exchange(frame["reply_to"])
            partial = (exchange and exchange.reply) or Reply("")
            failed = replace(partial, status="failed", error=frame["msg"])
            return conversation.with_exchange(frame["reply_to"], reply=failed)
    return conversation


def _with_messages(
    conversation: Conversation, messages: Iterable[Mapping[str, Any]]
) -> Conversation:
    for message in messages:
        if message["source"] == "human":
            conversation = conversation.with_exchange(
                message["id"], msg=message["msg"], timestamp=message["timestamp"]
            )
        else:
            reply = Reply(
                message["id"],
                message["msg"],
                message.get("n", 0),
                message["status"],
                _error_text(message),
                message["timestamp"],
                message.get("finish", ""),
            )
            conversation = conversation.with_exchange(message["reply_to"], reply=reply)
    return conversation


def _error_text(message: Mapping[str, Any]) -> str:
    if "error" not in message:
        return ""
    text: str = message.get("error_msg") or error_message(message["error"])
    return text


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
        return conversation.with_exchange(exchange.id, reply=longer, wait_reason="")
    raise GapError(f"delta {n} of {reply_id} is not the next one")
