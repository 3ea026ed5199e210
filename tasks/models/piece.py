"""What one event of a stream, or one body that is not a stream, says about the reply."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.models.failures import PromptTooLong, TransientError, shortened
from tasks.models.reply_items import Finish

# Words in the error message of `transformers serve` 5.24 for a prompt that, alone or together with
# the reply, is longer than the context. The error has no code.
_CONTEXT_EXCEEDED = ("out of bounds", "out of range")


class Piece(NamedTuple):
    """A piece of an answer."""

    text: str = ""
    finish: Finish | None = None  # set in the last piece
    model: str = ""


def piece_of(event: Any) -> Piece:
    """Return what an event says.

    Raises:
        TransientError, PromptTooLong: The event is an error.
    """
    if isinstance(event, list):
        event = event[0]
    if "token" in event or "generated_text" in event or "error_type" in event:
        return _hugging_face(event)
    return _openai(event)


def _hugging_face(event: Any) -> Piece:
    if "error" in event:
        cause = f"in mid-stream: {event.get('error_type')}: {shortened(event['error'])}"
        if event.get("error_type") == "validation":
            raise PromptTooLong(cause)
        raise TransientError(cause, busy=event.get("error_type") == "overloaded")
    whole = event.get("generated_text")
    if "token" not in event:
        return Piece(_checked(whole or ""), "stop")
    token = event["token"]
    text: Any = "" if token.get("special") else token["text"]
    return Piece(_checked(text), None if whole is None else _finish(event.get("details") or {}))


def _openai(event: Any) -> Piece:
    error = event if event.get("object") == "error" else event.get("error")
    if error:
        cause = shortened(error.get("message") if isinstance(error, dict) else error)
        exceeded = any(words in cause for words in _CONTEXT_EXCEEDED)
        failure = PromptTooLong if exceeded else TransientError
        raise failure(f"in mid-stream: {cause}")
    choice = event["choices"][0] if event.get("choices") else {}
    message = choice.get("delta") or choice.get("message") or {}
    text = choice.get("text") or message.get("content") or ""
    finish = None if choice.get("finish_reason") is None else _finish(choice)
    return Piece(_checked(text), finish, str(event.get("model") or ""))


def _finish(fields: dict[str, Any]) -> Finish:
    return "length" if fields.get("finish_reason") == "length" else "stop"


def _checked(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{type(text).__name__} instead of text")
    return text
