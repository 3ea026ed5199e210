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
    lines = _Lines()
    data: list[str] = []
    for chunk in chunks:
        # Nearly every chunk is one event of one line. The lines' general form takes ten times as
        # long, which is a tenth of what a worker spends on a token.
        if (
            chunk.endswith(b"\n\n")
            and chunk.startswith(b"data: ")
            and chunk.find(b"\n") == len(chunk) - 2 > 6
            and b"\r" not in chunk
            and not (data or lines.incomplete)
        ):
            yield chunk[6:-2].decode(errors="replace")
            continue
        for line in lines.add(chunk):
            if line.startswith(b"data:"):
                data.append(_value(line))
            elif not line:
                if any(data):  # the specification ignores an event without data
                    yield "\n".join(data)
                data = []
    if lines.incomplete.startswith(b"data:"):
        data.append(_value(bytes(lines.incomplete.rstrip(b"\r"))))
    if any(data):  # some servers leave out the blank line after the last event
        yield "\n".join(data)


def _value(line: bytes) -> str:
    return line[5:].removeprefix(b" ").decode(errors="replace")


class _Lines:
    """Splits chunks into lines."""

    def __init__(self) -> None:
        self.incomplete = bytearray()  # the line that has not ended yet
        self._searched = 0  # bytes of it that have no end

    def add(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that end in ``chunk``, without their ends."""
        buffer = self.incomplete
        buffer += chunk
        # A carriage return at the end of the buffer may be the first half of a CRLF.
        while (end := _LINE_END.search(buffer, self._searched)) and not (
            end[0] == b"\r" and end.end() == len(buffer)
        ):
            line = bytes(buffer[: end.start()])
            del buffer[: end.end()]
            self._searched = 0
            yield line
        # A long line that arrives in many chunks is searched once, not once for each chunk.
        self._searched = max(len(buffer) - 1, 0)
