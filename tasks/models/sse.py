"""Server-sent events, as far as models' servers use them.

https://html.spec.whatwg.org/multipage/server-sent-events.html. Bytes are split before they are
decoded: requests takes the type for ISO-8859-1, and a line may hold U+2028.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_LINE_END = re.compile(rb"\r\n|\n|\r")


def events(chunks: Iterable[bytes]) -> Iterator[str]:
    """Give the data of each event that is whole."""
    data: list[str] = []
    for line in _lines(chunks):
        if not line:
            if any(data):  # an event without data is none
                yield "\n".join(data)
            data = []
        elif line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" ").decode(errors="replace"))
    if any(data):  # some servers leave out the blank line behind the last event
        yield "\n".join(data)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest, searched = bytearray(), 0
    for chunk in chunks:
        rest += chunk
        # A carriage return at the end may be half of a line's end.
        while (end := _LINE_END.search(rest, searched)) and not (
            end[0] == b"\r" and end.end() == len(rest)
        ):
            yield bytes(rest[: end.start()])
            del rest[: end.end()]
            searched = 0
        searched = max(len(rest) - 1, 0)  # a line without end is not searched again and again
    if rest:
        yield bytes(rest.rstrip(b"\r"))
