"""The failures of a chat: each has a code of the wire contract and a text for the user.

The string of an error is for the operator's log; ``msg`` is the text that the user reads. A cause
that a user can understand has a text of its own, with the same code: `tasks.models.failures`.
"""

from __future__ import annotations


class ChatError(Exception):
    """A failure with a code of the wire contract."""

    code = "internal"
    msg = "Something went wrong on our side. Please try again."

    def __init__(self, cause: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(cause or self.msg)
        self.retry_after = retry_after  # seconds


class Internal(ChatError):
    """A fault of this program, or an answer of Redis that a retry would not change."""


class Invalid(ChatError):
    """A frame or a text that the wire contract does not allow."""

    code = "invalid"
    msg = "That message could not be read. Please send some text."


class TooLong(ChatError):
    """A message longer than ``MAX_MESSAGE_LENGTH``."""

    code = "too_long"
    msg = "That message is too long. Please shorten it."


class UnknownMessage(ChatError):
    """A retry for a message that is not the last one of the session."""

    code = "unknown_message"
    msg = "Only the last message can be answered again."


class CompleteReply(UnknownMessage):
    """A request to continue a reply that is complete, or has failed without text."""

    msg = "This reply is complete. It can be generated anew, not continued."


class RedisUnavailable(ChatError):
    """Redis cannot be used at the moment."""

    code = "busy"
    msg = "The chat cannot take messages right now. Please send it again in a moment."


class ModelError(ChatError):
    """The model did not give a complete answer."""


class ModelUnavailable(ModelError):
    """The last retry ended with no connection, a cut stream, a 5xx or a 429."""

    code = "model_unavailable"
    msg = "The model cannot be reached right now. Please try again in a moment."


class ModelTimeout(ModelError):
    """The model did not finish within ``MODEL_TIMEOUT``."""

    code = "model_timeout"
    msg = "The model took too long to answer. Please try again."


class ModelRefused(ModelError):
    """The model answered with a 4xx other than 429, an unreadable body, or no text."""

    code = "model_refused"
    msg = "The model could not answer this message. Please try another wording."


class SessionGone(Exception):
    """The session has expired, was erased, or never existed."""


def _kinds() -> list[type[ChatError]]:
    """Return `ChatError` and all its subclasses, also those in other modules."""
    kinds: list[type[ChatError]] = [ChatError]
    for kind in kinds:  # the list grows
        kinds += kind.__subclasses__()
    return kinds


def error_codes() -> tuple[str, ...]:
    """Return the codes of the wire contract, each once."""
    return tuple(dict.fromkeys(kind.code for kind in _kinds()))


def error_message(code: str) -> str:
    """Return the text that the user reads for an error ``code``."""
    return next((kind.msg for kind in _kinds() if kind.code == code), ChatError.msg)
