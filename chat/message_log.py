"""The log of each message's life, and its count: one call for each step.

Steps: accepted, enqueued, claimed or resumed, first_delta, finished. Not every message has these:
recovered, restarted, released, interrupted, lease_lost, stopped. A session is named by a short hash
of its token, since the token itself opens the session.
"""

from __future__ import annotations

import hashlib
import logging

from chat.log_context import Event, context_fields
from chat.metrics import count_reply, count_step

log = logging.getLogger("chat.messages")
_texts = log.getChild("texts")  # enabled: the text of messages is logged


def session_hash(token: str) -> str:
    """Return a short name of a session: eight hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()[:8]


def log_step(
    step: str, token: str, message_id: str, *, text: str | None = None, **fields: object
) -> None:
    """Log and count that a message has reached a step.

    ``text`` is logged only if it was asked for, and fields that are None are left out.
    """
    count_step(step)
    if log.isEnabledFor(logging.INFO):
        if not texts_are_logged():
            text = None
        _log(step, message_id=message_id, session=session_hash(token), **fields, text=text)


def log_session(step: str, token: str) -> None:
    """Log and count a step for which only the session is known."""
    count_step(step)
    if log.isEnabledFor(logging.INFO):
        _log(step, session=session_hash(token))


def log_end(
    status: str, token: str, message_id: str, *, text: str | None = None, **fields: object
) -> None:
    """Log and count the end of a reply: ``done``, ``stopped``, or the code of the error."""
    count_reply(status)
    log_step("finished", token, message_id, **fields, status=status, text=text)


def set_up_message_log(level: str, *, with_text: bool) -> None:
    """Set the level from which lines are written, such as "warning". Steps have level "info".

    Without ``with_text``, no line has the text of a message.
    """
    log.setLevel(level.upper())
    _texts.setLevel(logging.INFO if with_text else logging.CRITICAL)


def texts_are_logged() -> bool:
    """Whether the text of messages is logged."""
    return _texts.level == logging.INFO


def _log(step: str, **fields: object) -> None:
    known = {name: value for name, value in fields.items() if value is not None}
    for name, value in context_fields().items():
        known.setdefault(name, value)
    log.info(Event(event=step, **known))
