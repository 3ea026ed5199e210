"""The JSON values in the data of an event: nearly always one."""

from __future__ import annotations

import json
import re
from typing import Any

# What some servers and proxies put before and between values.
_BETWEEN = re.compile(r"(?:[\s,;\x00\x1e\ufeff]|data:)*")
_DONE = re.compile(r'"?\[?DONE\]?"?', re.IGNORECASE)
# Not strict: some servers leave line ends and tabs in texts as they are.
_DECODER = json.JSONDecoder(strict=False)
_NEXT_EVENT = re.compile(r"data: ?(?=\{)")


class Done:
    """The mark at the end of a stream: ``[DONE]``."""


DONE = Done()


def json_values(data: str) -> list[Any]:
    """Return the values in ``data``, with `DONE` for each mark of the end.

    Raises:
        ValueError, RecursionError: It does not consist of JSON, or is nested too deeply.
    """
    try:
        value = _DECODER.decode(data)
    except ValueError:
        return _with_broken_beginning(data)
    if isinstance(value, str):  # JSON as a string
        return _several(value)
    return [value]


def _with_broken_beginning(data: str) -> list[Any]:
    """Return the values in ``data``, or those after a value that was cut off.

    Some proxies cut an event off in its middle, and the next one follows on the same line.
    """
    try:
        return _several(data)
    except ValueError:
        if not (following := _NEXT_EVENT.search(data, 1)):
            raise
    return _with_broken_beginning(data[following.end() :])


def _several(data: str) -> list[Any]:
    values: list[Any] = []
    place = _after_separators(data, 0)
    while place < len(data):
        if done := _DONE.match(data, place):
            values.append(DONE)
            place = done.end()
        else:
            value, place = _DECODER.raw_decode(data, place)
            values.append(value)
        place = _after_separators(data, place)
    return values


def _after_separators(data: str, place: int) -> int:
    separators = _BETWEEN.match(data, place)
    return separators.end() if separators else place
