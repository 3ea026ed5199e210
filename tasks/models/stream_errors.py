"""Errors inside an answer whose status is 200."""

from __future__ import annotations

from typing import Any

from tasks.models.failures import PromptTooLong, error_message, failure_with, shortened

# Words in the error message of `transformers serve` 5.24 for a prompt that, alone or together with
# the reply, is longer than the context. The error has no code.
_CONTEXT_EXCEEDED = ("out of bounds", "out of range")
# Words in a code or a type, and the status that means the same.
_STATUS_OF_WORDS = (
    ("context_length", 413),
    ("validation", 413),  # of a Hugging Face server, which validates little but the length
    ("rate_limit", 429),
    ("too_many", 429),
    ("throttl", 429),
    ("overload", 429),
    ("exhausted", 429),
    ("quota", 429),
    ("authentication", 401),
    ("permission", 403),
    ("not_found", 404),
    ("content_filter", 400),
    ("invalid_request", 400),
    ("invalid_argument", 400),
)
# Values of a code or a status that say that nothing has failed.
_NO_ERROR = {"", "0", "200", "ok", "success", "queue", "queued", "processing", "connected"}
_NAMES = ("code", "status", "status_code", "type", "error_type", "error_code")
_WITH_TEXT = ("token", "generated_text", "content", "delta", "response", "candidates")


def failure_in(event: dict[str, Any]) -> Exception | None:
    """Return the failure that an event reports, None if it is no error."""
    error = event.get("error") or event.get("errors")
    if not error and (choices := event.get("choices")):  # nearly always
        choice = choices[0] if isinstance(choices, list) else None
        error = choice.get("error") if isinstance(choice, dict) else None
    elif not error and _is_error(event):
        error = event
    for name in ("x_groq", "response"):  # Groq, OpenAI's responses
        if not error and name in event and isinstance(around := event[name], dict):
            error = around.get("error")
    return failure_of_error(error, event) if error else None


def failure_of_error(error: Any, event: dict[str, Any] | None = None) -> Exception:
    """Return the failure for the value of an ``error`` field, and the event around it."""
    if isinstance(error, list) and error:
        error = error[0]
    fields = error if isinstance(error, dict) else {"error": error}
    around = event or {}
    if error is True:
        fields = around
    message = error_message(fields) or error_message(around) or shortened(error)
    cause = f"in mid-stream: {message}"
    if any(words in message for words in _CONTEXT_EXCEEDED):
        return PromptTooLong(cause)
    status = _status(fields) or _status(around) or 500
    failure = failure_with(status, cause, message)
    failure.status, failure.answer = status, around or fields
    return failure


def _status(fields: dict[str, Any]) -> int:
    """Return the HTTP status that an error's code or type means, 0 if it means none."""
    values = [fields.get(name) for name in _NAMES]
    for value in values:
        number = int(value) if isinstance(value, str) and value.isdecimal() else value
        if isinstance(number, int) and 400 <= number < 600:
            return number
    for words, status in _STATUS_OF_WORDS:
        if any(words in str(value).lower() for value in values if value):
            return status
    return 0


def _is_error(event: dict[str, Any]) -> bool:
    """Whether an event without choices and without an ``error`` field is an error as a whole."""
    if event.get("object") == "error" or event.get("type") == "error":
        return True
    if any(event.get(name) for name in _WITH_TEXT):
        return False
    if any(event.get(name) for name in ("error_code", "error_msg", "error_message", "error_type")):
        return True
    if event.get("detail"):
        return True
    message = event.get("message")
    if not isinstance(message, str) or not message:
        return False
    codes = [event[name] for name in ("code", "status", "status_code") if name in event]
    return any(str(code).lower() not in _NO_ERROR for code in codes)
