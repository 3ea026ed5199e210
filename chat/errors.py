"""The ways in which a chat can fail, each with its code on the wire and words for a person.

The string of an error is for the operator's log; ``msg`` is what the person in the chat reads.
"""

from __future__ import annotations


class ChatError(Exception):
    """A failure that has a code in the wire contract."""

    code = "internal"
    msg = "Something went wrong on our side. Please try again."

    def __init__(self, cause: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(cause or self.msg)
        self.retry_after = retry_after  # seconds


class Internal(ChatError):
    """Our own fault."""


class Invalid(ChatError):
    """A frame or a text that the contract does not allow."""

    code = "invalid"
    msg = "That message could not be read. Please send some text."


class TooLong(ChatError):
    """A message beyond ``MAX_MESSAGE_LENGTH``."""

    code = "too_long"
    msg = "That message is too long. Please shorten it."


class UnknownMessage(ChatError):
    """A retry for a message that is not the last one of the session."""

    code = "unknown_message"
    msg = "Only the last message can be answered again."


class Busy(ChatError):
    """Redis is out of reach for now."""

    code = "busy"
    msg = "The chat cannot take messages right now. Please send it again in a moment."


class ModelError(ChatError):
    """The model gave no whole answer."""


class ModelUnavailable(ModelError):
    """No connection, a 5xx, a 429 or a cut, beyond the bound of tries."""

    code = "model_unavailable"
    msg = "The model cannot be reached right now. Please try again in a moment."


class ModelTimeout(ModelError):
    """``MODEL_TIMEOUT`` ran out."""

    code = "model_timeout"
    msg = "The model took too long to answer. Please try again."


class ModelRefused(ModelError):
    """A 4xx, a body that is no answer, or an empty answer."""

    code = "model_refused"
    msg = "The model could not answer this message. Please try another wording."


class SessionGone(Exception):
    """The session has expired, was erased, or never was."""


def words(code: str) -> str:
    """Return what a person reads for an error ``code``."""
    pending: list[type[ChatError]] = [ChatError]
    while pending:
        kind = pending.pop()
        if kind.code == code:
            return kind.msg
        pending.extend(kind.__subclasses__())
    return ChatError.msg
