"""The ways in which a request to a model's server fails: temporary ones and final ones."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from math import inf
from typing import Any

from urllib3 import HTTPResponse

from chat.errors import ModelRefused
from tasks.models.parameters import Changes

# Words of a server that refuses a prompt for its length. There is no status for that.
_LENGTH_WORDS = ("context", "too long", "token", "truncat", "length")
_TRANSIENT_4XX = {408, 409, 424, 425}  # 429 is treated apart
# Words of a server that refuses what the person wrote, with a status that others have for a key.
_CONTENT = re.compile(r"moderation|flagged|content[ _-]?(?:policy|filter)|safety|harmful", re.I)
# Words of a server that refuses the key, the account or the model's name with a 400: Gemini, xAI,
# Groq, Anthropic. The same for each message, whatever the person wrote.
_UNUSABLE = re.compile(
    r"api[ _-]?key|credential|unauthori[sz]ed|authenticat|permission|quota|billing|"
    r"credit balance|insufficient|payment|chat template|template not found|"
    r"(?:model|deployment|engine)\b.{0,80}(?:not found|n[o']t exist|decommissioned|no longer|"
    r"unavailable|not available|deprecated)|(?:unknown|invalid|no such) model",
    re.IGNORECASE,
)
# OpenAI's reasoning models answer 400 if all tokens went into thinking.
_LIMIT_REACHED = re.compile(r"max_\w*tokens or model output limit was reached", re.IGNORECASE)
_MAX_MESSAGE_LENGTH = 200  # characters of a server's error message in ours


class Answered:
    """A failure with the HTTP status and body of the server's error, if it sent one."""

    status = 0  # of the answer's head, 0 without one
    answer: Any = None  # its body: parsed JSON, or text


class TransientError(Answered, Exception):
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


class BadRequest(Answered, ModelRefused):
    """The server does not accept the form of the request, such as its partial reply."""


class PromptTooLong(Answered, ModelRefused):
    """The prompt has more tokens than the model takes."""

    msg = "The message is too long for the model. Please shorten it."


class ModelUnusable(Answered, ModelRefused):
    """The server refuses every message: a wrong key, address or name, or no model's server."""

    msg = (
        "The model cannot be used as it is set up. Its operator finds the cause in the log, or"
        " with python -m tasks.models."
    )


class AllThinking(Answered, ModelRefused):
    """The limit of tokens ended the reply before the model had written any text."""

    msg = (
        "The model used up its limit by thinking, before it wrote an answer. Please ask for"
        " something simpler, or ask the operator to raise MAX_NEW_TOKENS."
    )


class ParametersRefused(ModelRefused):
    """The server does not take some parameters of the request, and may take it without them."""

    def __init__(self, cause: str, changes: Changes) -> None:
        """``changes`` are what the next request needs."""
        super().__init__(cause)
        self.changes = changes


Failed = TransientError | BadRequest | PromptTooLong | ModelUnusable | AllThinking


def failure_of(response: HTTPResponse, body: Any) -> Failed:
    """Return the failure that a response with a status other than 200 stands for.

    ``body`` is the response's parsed JSON, or its text.
    """
    failure = _failure_of(response, body)
    failure.status, failure.answer = response.status, body
    return failure


def _failure_of(response: HTTPResponse, body: Any) -> Failed:
    status = response.status
    if isinstance(body, list) and len(body) == 1:  # Gemini
        body = body[0]
    fields = body if isinstance(body, dict) else {"error": _plain(body)}
    message = error_message(fields) or response.reason or "no reason given"
    cause = f"HTTP {status}: {message}"
    if 300 <= status < 400 and (location := response.headers.get("Location")):
        cause += f"; it is at {shortened(location.partition('?')[0])}"
    retry_after = _retry_after(response.headers.get("Retry-After"))
    if status == 503 and (estimated := _seconds(fields.get("estimated_time"))) is not None:
        return ModelLoading(cause, retry_after=estimated)
    return failure_with(status, cause, message, retry_after)


def failure_with(status: int, cause: str, message: str, retry_after: float | None = None) -> Failed:
    """Return the failure for an HTTP status, which may also stand inside an answer.

    ``cause`` is for the log, ``message`` is the server's. ``retry_after`` is in seconds.
    """
    if status == 429:
        return TransientError(cause, retry_after=retry_after, busy=True)
    if status >= 500 or status in _TRANSIENT_4XX:
        return TransientError(cause, retry_after=retry_after)
    is_bad_request = status in (400, 416, 422)
    if is_bad_request and _LIMIT_REACHED.search(message):
        return AllThinking(cause)
    if is_bad_request and _UNUSABLE.search(message) and not _CONTENT.search(message):
        return ModelUnusable(cause)
    about_length = any(word in message.lower() for word in _LENGTH_WORDS)
    if status == 413 or (is_bad_request and about_length):
        return PromptTooLong(cause)
    if is_bad_request or status == 451 or _CONTENT.search(message):
        return BadRequest(cause)
    return ModelUnusable(cause)


def shortened(message: object) -> str:
    """Return a server's error message, cut to a length for our log."""
    return str(message)[:_MAX_MESSAGE_LENGTH]


def _plain(body: Any) -> str:
    """Return a text that is no web page, else nothing."""
    return body.strip() if isinstance(body, str) and "<" not in body[:20] else ""


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
