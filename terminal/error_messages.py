"""The sentence that a person reads for each error code with which a reply can end.

An `error` frame contains the sentence; a failed reply in the `history` has only the code. The
sentences are those of the server (docs/protocol.md lists the codes); a test compares the two.
"""

from __future__ import annotations

_INTERNAL = "Something went wrong on our side. Please try again."
_MESSAGES = {
    "model_unavailable": "The model cannot be reached right now. Please try again in a moment.",
    "model_timeout": "The model took too long to answer. Please try again.",
    "model_refused": "The model could not answer this message. Please try another wording.",
    "internal": _INTERNAL,
}


def error_message(code: str) -> str:
    """Return the sentence for an error code; for an unknown code, the one for `internal`."""
    return _MESSAGES.get(code, _INTERNAL)
