"""The response of a model's server. Its body is read as it arrives."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

from urllib3 import HTTPResponse

from chat.errors import ModelRefused
from tasks.models.call import Call
from tasks.models.connection import Connection
from tasks.models.credentials import Credentials
from tasks.models.failures import TransientError
from tasks.models.transport_errors import translated_errors

# Far more than the longest reply takes with all that servers send around it.
MAX_BODY_BYTES = 16 * 2**20
_CHUNK_BYTES = 65536


class Response:
    """A response whose head has arrived."""

    def __init__(self, response: HTTPResponse, connection: Connection, call: Call) -> None:
        self._response = response
        self._connection = connection
        self._call = call
        # Whether the last event has arrived. What follows is of no use. The reader sets this.
        self.about_to_end = False
        # Seconds without data after which `chunks` yields an empty chunk. The reader sets this.
        self.patience: float | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the whole body has been read."""
        return self._connection.response is not None and self._connection.response.isclosed()

    @property
    def server(self) -> str:
        """The Server header: the name of the server's software."""
        return self._response.headers.get("Server", "")

    @property
    def has_length(self) -> bool:
        """Whether the end of the body shows, other than by the end of the connection."""
        return bool(self._response.chunked) or "Content-Length" in self._response.headers

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in chunks as they arrive, and an empty one after each `patience`.

        Raises:
            TransientError: The connection was cut before the end of the body.
            ModelRefused: The body is longer than `MAX_BODY_BYTES`.
            Cancelled, ModelTimeout: As `Call.time_left`.
        """
        raw, response = self._response, self._connection.response
        read: Callable[[], bytes]
        if raw.chunked and response and "Content-Encoding" not in self._response.headers:
            # For each chunk, urllib3 2.8 needs three times the time of http.client.
            read = functools.partial(response.read1, _CHUNK_BYTES)
        elif raw.chunked:
            read = functools.partial(next, raw.stream(_CHUNK_BYTES, decode_content=True), b"")
        else:
            read = functools.partial(raw.read1, _CHUNK_BYTES, decode_content=True)
        bytes_left = MAX_BODY_BYTES
        with translated_errors(self._call):
            while True:
                if self.patience is not None and not self._arrives():
                    yield b""
                    continue
                if not (chunk := read()):
                    break
                bytes_left -= len(chunk)
                if bytes_left < 0:
                    raise ModelRefused(f"the answer has more than {MAX_BODY_BYTES} bytes")
                yield chunk
        self._call.time_left()  # a cancel looks like the end of the body: raises if it was one

    def _arrives(self) -> bool:
        """Whether there is something to read within `patience`."""
        seconds = min(self.patience or 0.0, self._call.time_left())
        body = self._connection.body
        return body is None or body.arrives_within(seconds)

    def whole_body(self, credentials: Credentials) -> Any:
        """Return the body as JSON, or as text if it is none, without our secrets.

        None if it cannot be read.
        """
        try:
            text = b"".join(self.chunks()).decode(errors="replace")
        except (ModelRefused, TransientError):
            self._call.time_left()
            return None
        text = credentials.redacted(text)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
