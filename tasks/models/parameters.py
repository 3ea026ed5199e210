"""The optional parameters of requests to one server, without those that it has refused."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

# Parameters of a request that are objects: their fields are parameters, too.
NESTED = "parameters", "options"
# The conversation is never left out, nor what says how it is to be continued.
ESSENTIAL = {
    *("model", "messages", "prompt", "inputs", "parameters"),
    *("continue_final_message", "add_generation_prompt"),
}


class Change(NamedTuple):
    """What is sent in the place of a refused parameter."""

    name: str | None = None  # None: nothing
    limit: int | None = None  # the highest value


Changes = Mapping[str, Change]  # by the name that was refused
Body = dict[str, Any]


class Parameters:
    """What one server has refused to take, for the life of this process. Any thread may use it."""

    def __init__(self, server: str) -> None:
        """``server`` is its name for the log."""
        self._server = server
        self._lock = threading.Lock()
        self._changes: dict[str, Change] = {}

    @property
    def changes(self) -> Changes:
        """The changes that each request to this server needs."""
        return self._changes

    def remember(self, changes: Changes) -> None:
        """Remember changes with which the server has taken a request. Logs each of them once."""
        with self._lock:
            new = {name: change for name, change in changes.items() if name not in self._changes}
            self._changes = {**self._changes, **new}
        for name, (other, limit) in new.items():
            instead = f"{other} is sent" if other else "it is left out"
            most = f", at most {limit}" if limit else ""
            log.warning("%s does not take %s as it was: %s%s", self._server, name, instead, most)


def changed(body: Body, changes: Changes) -> Body:
    """Return ``body`` with ``changes`` applied, to the fields of its nested objects too."""
    result: Body = {}
    for name, value in body.items():
        if name in NESTED and isinstance(value, dict) and name not in changes:
            inner = changed(value, changes)
            if inner or name in ESSENTIAL:
                result[name] = inner
            continue
        new_name, new_value = _changed_parameter(name, value, changes)
        if new_name:
            result[new_name] = new_value
    return result


def _changed_parameter(name: str | None, value: Any, changes: Changes) -> tuple[str | None, Any]:
    applied: set[str] = set()
    while name and name in changes and name not in applied:
        applied.add(name)
        name, limit = changes[name]
        value = min(value, limit) if limit else value
    return name, value
