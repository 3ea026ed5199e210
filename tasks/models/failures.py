"""How servers of models fail: what may pass, and what will not."""

from __future__ import annotations

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from math import inf
from typing import Any

import requests

from chat.errors import ModelRefused

# How servers say that a prompt has too many tokens: there is no code for it.
_LENGTH_WORDS = ("context", "too long", "token", "truncat", "length")
_PASSING = {408, 409, 424, 425}  # of the 4xx these may pass; 429 has its own


class NotReady(Exception):
    """The model's server cannot answer for now; the string is the cause."""

    def __init__(self, cause: str, *, retry_after: float | None = None, busy: bool = False):
        super().__init__(cause)
        self.retry_after = retry_after  # seconds, as far as the server says
        self.busy = busy


class Loading(NotReady):
    """The model is being loaded; how long that takes is known to its server alone."""


class CannotContinue(Exception):
    """The server cannot continue the partial reply that it was sent; the string is the cause."""


class BadRequest(ModelRefused):
    """The server does not take what was asked, in the form in which it was asked."""


class PromptTooLong(ModelRefused):
    """The prompt has more tokens than the model takes."""


def refusal(response: requests.Response, body: Any) -> Exception:
    """Return what a status other than 200 means, with its body."""
    status = response.status_code
    fields = body if isinstance(body, dict) else {}
    said = _said(fields) or response.reason or "no reason given"
    cause = f"HTTP {status}: {said}"
    retry_after = _until(response.headers.get("Retry-After"))
    if status == 503 and (estimated := _seconds(fields.get("estimated_time"))) is not None:
        return Loading(cause, retry_after=estimated)
    if status == 429:
        return NotReady(cause, retry_after=retry_after, busy=True)
    if status >= 500 or status in _PASSING:
        return NotReady(cause, retry_after=retry_after)
    about_length = any(word in said.lower() for word in _LENGTH_WORDS)
    if status == 413 or (status in (400, 422) and about_length):
        return PromptTooLong(cause)
    return BadRequest(cause) if status in (400, 422) else ModelRefused(cause)


def _said(fields: dict[str, Any]) -> str:
    """Return what a server says of its refusal, without what it repeats of the prompt."""
    for name in ("error", "message", "detail"):
        said = fields.get(name)
        if isinstance(said, dict):
            said = said.get("message")
        if isinstance(said, list):
            items = [item for item in said if isinstance(item, dict)]
            said = "; ".join(f"{item.get('loc')}: {item.get('msg')}" for item in items)
        if said:
            return str(said).partition("'input'")[0][:200]
    return ""


def _seconds(value: Any) -> float | None:
    try:
        return max(0.0, float(value))
    except OverflowError:  # an integer with hundreds of digits
        return inf
    except (TypeError, ValueError):
        return None


def _until(value: str | None) -> float | None:
    """Return the seconds of a Retry-After, which may be a date."""
    seconds = _seconds(value)
    if seconds is None and value:
        with suppress(ValueError, OverflowError):
            seconds = max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return seconds
