"""The log of each message's life: one line for each step, with the message's id.

Steps: accepted, enqueued, claimed or resumed, first_delta, finished. Not every message has these:
recovered, restarted, released, interrupted, lease_lost, stopped. A session is named by a short hash
of its token, since the token itself opens the session.
"""

from __future__ import annotations

import hashlib
import logging

log = logging.getLogger("chat.messages")


def session_hash(token: str) -> str:
    """Return a short name of a session: eight hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()[:8]


def log_step(step: str, token: str, message_id: str, **details: object) -> None:
    """Log that a message has reached a step."""
    if log.isEnabledFor(logging.INFO):
        extra = "".join(f" {name}={value}" for name, value in details.items())
        log.info("%s message=%s session=%s%s", step, message_id, session_hash(token), extra)


def log_session(step: str, token: str) -> None:
    """Log a step for which only the session is known."""
    if log.isEnabledFor(logging.INFO):
        log.info("%s session=%s", step, session_hash(token))


def set_message_log_level(name: str) -> None:
    """Set the level from which lines are written, such as "warning". Steps have level "info"."""
    log.setLevel(name.upper())
