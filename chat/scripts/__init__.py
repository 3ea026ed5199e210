"""The atomic steps of a session, as Lua that runs inside Redis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

_FOLDER = Path(__file__).parent


def _source(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text()


def session_step(client: redis.Redis, name: str) -> Callable[..., Any]:
    """Return a step on one session; it takes ``keys`` and ``args`` and may be run twice."""
    return client.register_script(_source("session") + _source(name))


def unserved_step(client: redis.Redis) -> Callable[..., Any]:
    """Return the step that finds sessions which no worker serves."""
    return client.register_script(_source("unserved"))


def sweep_step(client: redis.Redis) -> Callable[..., Any]:
    """Return the step that looks over all sessions."""
    return client.register_script(_source("sweep"))
