"""The events in an answer's body: server-sent events, lines of JSON, or one JSON document.

Which of them it is shows in the body. Its Content-Type is often wrong. The specification is kept
(https://html.spec.whatwg.org/multipage/server-sent-events.html), and beyond it we read what servers
send in spite of it: events without the blank line between them, JSON on many lines or without
``data:``, an error in a field ``error:``. Lines are split before they are decoded:
`str.splitlines` also splits at U+2028.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_IGNORED_FIELDS = {"", "id", "retry"}  # the first is a comment
# How often an event is tried whether it is complete: each time takes as long as the event.
_MAX_TRIES = 64


class ErrorData(str):
    """The data of an event that its server names an error."""

    __slots__ = ()


def events(chunks: Iterable[bytes]) -> Iterator[str | None]:
    """Yield the data of each event as soon as it is complete. The data need not be JSON.

    Also yield None for each empty chunk, and "" for each other one that completes no event, such as
    a comment. What follows the last complete event comes last.
    """
    lines, event = _Lines(), _Event()
    for chunk in chunks:
        # Nearly every chunk is one event of one line. The lines' general form takes ten times as
        # long, which is a tenth of what a worker spends on a token.
        if (
            chunk.startswith(b"data:")
            and chunk.endswith((b"\n\n", b"\r\n\r\n"))
            and not (event.begun or lines.incomplete)
        ):
            line = chunk[5:].strip()
            if line and b"\n" not in line and b"\r" not in line:
                yield line.decode(errors="replace")
                continue
        completed = False
        for line in lines.add(chunk):
            for data in event.add(line):
                completed = True
                yield data
        if not completed:
            yield "" if chunk else None
    # Some servers leave out the end of the last line, or the blank line after the last event.
    if rest := lines.rest():
        yield from event.add(rest)
    yield from event.end()


class _Event:
    """The lines of one event."""

    def __init__(self) -> None:
        self._data: list[str] = []
        self._bare = False  # whether the data began without ``data:``
        self._is_error = False
        self._tries = 0

    @property
    def begun(self) -> bool:
        """Whether there are lines of an event that has not ended."""
        return bool(self._data) or self._is_error

    def add(self, line: bytes) -> Iterator[str]:
        """Add a line. Yields the data of the events that it completes."""
        text = line.decode(errors="replace")
        field, colon, value = text.partition(":")
        field = field.strip().lower()
        if not text.strip():
            if not self._bare:  # a blank line in JSON on many lines is no end
                yield from self.end()
        elif colon and field in ("data", "error"):
            if self._data and (self._bare or self._is_complete()):
                yield from self.end()
            self._is_error |= field == "error"
            self._data.append(value.removeprefix(" "))
        elif colon and field == "event":
            self._is_error = value.strip().lower() == "error"
        elif field in _IGNORED_FIELDS and colon:
            pass
        else:
            if not self._data:
                self._bare = True
            self._data.append(text)
            if self._bare and (not self._may_be_json() or self._is_complete()):
                yield from self.end()

    def end(self) -> Iterator[str]:
        """End the event. Yields its data if it has any."""
        data = "\n".join(self._data)
        if data.strip():  # the specification ignores an event without data
            yield ErrorData(data) if self._is_error else data
        self.__init__()  # type: ignore[misc]

    def _may_be_json(self) -> bool:
        return self._data[0].lstrip().startswith(("{", "["))

    def _is_complete(self) -> bool:
        """Whether the data is JSON, or the end of the stream, and needs no further line."""
        if self._tries >= _MAX_TRIES or not self._data[-1].rstrip().endswith(("}", "]")):
            return False
        self._tries += 1
        data = "\n".join(self._data)
        try:
            json.loads(data, strict=False)
        except (ValueError, RecursionError):
            return data.strip() == "[DONE]"
        return True


class _Lines:
    """Splits chunks into lines."""

    def __init__(self) -> None:
        self.incomplete = bytearray()  # the line that has not ended yet
        self._searched = 0  # bytes of it that have no end
        self._is_first = True

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
            yield self._without_mark(line)
        # A long line that arrives in many chunks is searched once, not once for each chunk.
        self._searched = max(len(buffer) - 1, 0)

    def rest(self) -> bytes:
        """Return the last line, which has no end."""
        return self._without_mark(bytes(self.incomplete.rstrip(b"\r")))

    def _without_mark(self, line: bytes) -> bytes:
        if self._is_first:
            self._is_first = False
            return line.removeprefix(_BYTE_ORDER_MARK)
        return line
