"""What a person reads for each error code of the wire contract (docs/protocol.md)."""

from __future__ import annotations

_MESSAGES = {
    "model_unavailable": "The model cannot be reached right now. Please try again in a moment.",
    "model_timeout": "The model took too long to answer. Please try again.",
    "model_refused": "The model could not answer this message. Please try another wording.",
}
_ANY = "Something went wrong on the chat's side. Please try again."


def error_message(code: str) -> str:
    """Return the sentence for an error code; one for all codes that replies do not end with."""
    return _MESSAGES.get(code, _ANY)
