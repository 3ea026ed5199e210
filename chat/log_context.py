"""Fields of log lines: those of one line, and those of all lines that a thread logs for a while.

gunicorn.conf.py imports this before gevent patches the standard library.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_context: ContextVar[dict[str, object] | None] = ContextVar("log_context", default=None)
# Fields that have shorter names in a line of text.
_TEXT_NAMES = {"message_id": "message", "task_id": "task", "reply_id": "reply"}


@contextmanager
def log_context(**fields: object) -> Iterator[None]:
    """Add fields to the lines that this thread logs while the block runs.

    Lines of other modules get them too, if they are written as JSON. So each names the message that
    it is about.
    """
    token = _context.set({**context_fields(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def context_fields() -> dict[str, object]:
    """Return the fields of the `log_context` blocks around the caller."""
    return _context.get() or {}


class Event(dict[str, object]):
    """The fields of a line, as the message of a log record: ``event`` and others.

    `chat.log_format` writes the fields as JSON. Any other formatter writes this object as text.
    """

    def __str__(self) -> str:
        fields = (
            f"{_TEXT_NAMES.get(name, name)}={_printable(value)}"
            for name, value in self.items()
            if name != "event"
        )
        return " ".join((str(self["event"]), *fields))


def _printable(value: object) -> str:
    """Return a value in one line, so that no text can forge another one."""
    text = str(value)
    return text if text.isprintable() and " " not in text else ascii(text)
