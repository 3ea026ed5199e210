"""The atomic steps, as Lua scripts that run inside Redis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

_FOLDER = Path(__file__).parent


def _source(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text()


def session_step(client: redis.Redis, name: str) -> Callable[..., Any]:
    """Return a step on one session. It takes ``keys`` and ``args`` and is safe to repeat."""
    return client.register_script(_source("session") + _source(name))


def write_step(client: redis.Redis) -> Callable[..., Any]:
    """Return the step that adds the deltas of several sessions."""
    return client.register_script(_source("write"))


def recovery_step(client: redis.Redis) -> Callable[..., Any]:
    """Return the step that looks through all sessions."""
    return client.register_script(_source("recover"))


def waiting_step(client: redis.Redis) -> Callable[..., Any]:
    """Return the step that counts what waits for a worker."""
    return client.register_script(_source("waiting"))


def unserved_step(client: redis.Redis) -> Callable[..., Any]:
    """Return the step that finds sessions without a worker among some."""
    return client.register_script(_source("unserved"))
