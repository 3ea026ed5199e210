"""Ids, tokens and timestamps."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime


def new_id() -> str:
    """Return a fresh id or token: a UUID4 in its canonical form."""
    return str(uuid.uuid4())


def is_id(value: object) -> bool:
    """Whether ``value`` is a canonical lower-case UUID."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


def is_token(value: object) -> bool:
    """Whether ``value`` can be a token, a UUID4. Nothing else may become a key in Redis."""
    return is_id(value) and uuid.UUID(str(value)).version == 4


def timestamp() -> str:
    """Return the current time as ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
