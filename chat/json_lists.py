"""JSON lists of thousands of objects, decoded and encoded while other clients are served.

The C code of ``json`` lets no other greenlet or thread run until it is done: a history of 20,000
messages would take it some 100 ms.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from chat.time_slice import TimeSlice

_decode = json.JSONDecoder().raw_decode
_encode = json.JSONEncoder().encode


def decode_list(text: str) -> list[dict[str, Any]]:
    """Return the objects of a list as RedisJSON writes it: without white space."""
    time_slice = TimeSlice()
    found = []
    at = 1  # behind the bracket
    while text[at] != "]":
        each, at = _decode(text, at)
        found.append(each)
        if text[at] == ",":
            at += 1
        time_slice.yield_if_over()
    return found


def encode_object(head: dict[str, Any], name: str, objects: Iterable[dict[str, Any]]) -> str:
    """Return the JSON of ``head``, which must not be empty, with one more field: a list."""
    time_slice = TimeSlice()
    encoded = []
    for each in objects:
        encoded.append(_encode(each))
        time_slice.yield_if_over()
    return f'{_encode(head)[:-1]}, "{name}": [{", ".join(encoded)}]}}'
