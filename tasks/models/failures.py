"""The ways in which a request to a model's server fails: temporary ones and final ones."""

from __future__ import annotations

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from math import inf
from typing import Any

import requests

from chat.errors import ModelRefused

# Words of a server that refuses a prompt for its length. There is no status for that.
_LENGTH_WORDS = ("context", "too long", "token", "truncat", "length")
_TRANSIENT_4XX = {408, 409, 424, 425}  # 429 is treated apart
_MAX_MESSAGE_LENGTH = 200  # characters of a server's error message in ours


class TransientError(Exception):
    """A failure that may not happen again. The string is the cause."""

    def __init__(self, cause: str, *, retry_after: float | None = None, busy: bool = False):
        """``retry_after`` is the time that the server asks for, in seconds."""
        super().__init__(cause)
        self.retry_after = retry_after
        self.busy = busy


class ModelLoading(TransientError):
    """The server is still loading the model."""


class CannotContinue(Exception):
    """The server cannot continue the partial reply that it was sent. The string is the cause."""


class BadRequest(ModelRefused):
    """The server does not accept the form of the request, such as its partial reply."""


class PromptTooLong(ModelRefused):
    """The prompt has more tokens than the model takes."""


def failure_of(response: requests.Response, body: Any) -> Exception:
    """Return the failure that a response with a status other than 200 stands for.

    ``body`` is the response's parsed JSON, None if it has none.
    """
    status = response.status_code
    fields = body if isinstance(body, dict) else {}
    message = error_message(fields) or response.reason or "no reason given"
    cause = f"HTTP {status}: {message}"
    retry_after = _retry_after(response.headers.get("Retry-After"))
    if status == 503 and (estimated := _seconds(fields.get("estimated_time"))) is not None:
        return ModelLoading(cause, retry_after=estimated)
    return failure_with(status, cause, retry_after)


def failure_with(status: int, cause: str, retry_after: float | None) -> Exception:
    """Return the failure for an HTTP status, which may also stand inside an answer.

    ``cause`` has the server's message. ``retry_after`` is in seconds.
    """
    if status == 429:
        return TransientError(cause, retry_after=retry_after, busy=True)
    if status >= 500 or status in _TRANSIENT_4XX:
        return TransientError(cause, retry_after=retry_after)
    about_length = any(word in cause.lower() for word in _LENGTH_WORDS)
    if status == 413 or (status in (400, 422) and about_length):
        return PromptTooLong(cause)
    return BadRequest(cause) if status in (400, 422) else ModelRefused(cause)


def shortened(message: object) -> str:
    """Return a server's error message, cut to a length for our log."""
    return str(message)[:_MAX_MESSAGE_LENGTH]


def error_message(fields: dict[str, Any]) -> str:
    """Return the server's error message without the prompt, which some servers repeat in it."""
    for name in ("error", "message", "detail", "error_msg", "error_message", "errors", "msg"):
        message = fields.get(name)
        if isinstance(message, dict):
            message = message.get("message")
        if isinstance(message, list):
            items = [item for item in message if isinstance(item, dict)]
            message = "; ".join(f"{item.get('loc')}: {item.get('msg')}" for item in items)
        if message and message is not True:
            return shortened(str(message).partition("'input'")[0])
    return ""


def _seconds(value: Any) -> float | None:
    try:
        return max(0.0, float(value))
    except OverflowError:  # an integer with hundreds of digits
        return inf
    except (TypeError, ValueError):
        return None


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which has a number or a date."""
    seconds = _seconds(value)
    if seconds is None and value:
        with suppress(ValueError, OverflowError):
            seconds = max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return seconds
