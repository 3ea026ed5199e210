"""Why a model stopped, in the words of many servers."""

from __future__ import annotations

from typing import Any

from tasks.models.reply_items import Finish

# Servers that mean "not yet": in every event but the last.
_NOT_YET = {"", "null", "none", "unspecified", "finish_reason_unspecified", "not_finished"}
# The server itself failed, and another request may succeed.
FAILURES = {
    "error",
    "abort",
    "aborted",
    "cancelled",
    "canceled",
    "network_error",
    "server_error",
    "internal_error",
    "insufficient_system_resource",
    "timeout",
}
_LENGTH_WORDS = ("length", "max", "limit", "window")


def finish_word(value: Any) -> str:
    """Return the word for why the model stopped, empty if ``value`` says that it has not."""
    if isinstance(value, dict):  # SGLang's own protocol
        value = value.get("type")
    if value is True:
        return "stop"
    word = value.strip().lower() if isinstance(value, str) else ""
    return "" if word in _NOT_YET else word


def finish_of(word: str) -> Finish:
    """Return whether the model ended its reply, or a limit of tokens did."""
    return "length" if any(part in word for part in _LENGTH_WORDS) else "stop"
