"""Server-sent events, as far as models' servers use them.

https://html.spec.whatwg.org/multipage/server-sent-events.html. Lines are split before they are
decoded: requests 2.34 would decode them as ISO-8859-1, and `str.splitlines` also splits at U+2028.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_LINE_END = re.compile(rb"\r\n|\n|\r")


def events(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the data of each complete event."""
    data: list[str] = []
    for line in _lines(chunks):
        if not line:
            if any(data):  # the specification ignores an event without data
                yield "\n".join(data)
            data = []
        elif line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" ").decode(errors="replace"))
    if any(data):  # some servers leave out the blank line after the last event
        yield "\n".join(data)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    buffer, searched = bytearray(), 0
    for chunk in chunks:
        buffer += chunk
        # A carriage return at the end of the buffer may be the first half of a CRLF.
        while (end := _LINE_END.search(buffer, searched)) and not (
            end[0] == b"\r" and end.end() == len(buffer)
        ):
            yield bytes(buffer[: end.start()])
            del buffer[: end.end()]
            searched = 0
        # A long line that arrives in many chunks is searched once, not once for each chunk.
        searched = max(len(buffer) - 1, 0)
    if buffer:
        yield bytes(buffer.rstrip(b"\r"))
