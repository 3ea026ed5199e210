"""The response of a model's server. Its body is read as it arrives."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import requests

from chat.errors import ModelRefused
from tasks.models.call import Call
from tasks.models.connection import Connection
from tasks.models.credentials import Credentials
from tasks.models.failures import ModelUnusable
from tasks.models.transport_errors import TRANSPORT_ERRORS

# Far more than the longest reply takes with all that servers send around it.
MAX_BODY_BYTES = 16 * 2**20
_CHUNK_BYTES = 65536


class Response:
    """A response whose head has arrived."""

    def __init__(self, response: requests.Response, connection: Connection, call: Call) -> None:
        self._response = response
        self._connection = connection
        self._call = call
        # Whether the last event has arrived. What follows is of no use. The reader sets this.
        self.about_to_end = False

    @property
    def has_ended(self) -> bool:
        """Whether the whole body has been read."""
        return self._connection.response is not None and self._connection.response.isclosed()

    @property
    def server(self) -> str:
        """The Server header: the name of the server's software."""
        return self._response.headers.get("Server", "")

    @property
    def is_event_stream(self) -> bool:
        """Whether the body is a stream of server-sent events."""
        return "text/event-stream" in self._response.headers.get("Content-Type", "")

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in chunks as they arrive.

        Raises:
            ModelRefused: The body is longer than `MAX_BODY_BYTES`.
            Cancelled, ModelTimeout: As `Call.time_left`.
        """
        raw, response = self._response.raw, self._connection.response
        read: Callable[[], bytes]
        if raw.chunked and response and "Content-Encoding" not in self._response.headers:
            # For each chunk, urllib3 2.8 needs three times the time of http.client.
            read = functools.partial(response.read1, _CHUNK_BYTES)
        elif raw.chunked:
            read = functools.partial(next, raw.stream(_CHUNK_BYTES, decode_content=True), b"")
        else:
            read = functools.partial(raw.read1, _CHUNK_BYTES, decode_content=True)
        bytes_left = MAX_BODY_BYTES
        while chunk := read():
            bytes_left -= len(chunk)
            if bytes_left < 0:
                raise ModelRefused(f"the answer has more than {MAX_BODY_BYTES} bytes")
            yield chunk
        self._call.time_left()  # a cancel looks like the end of the body: raises if it was one

    def error_body(self, credentials: Credentials) -> Any:
        """Return the body of a response that is an error, as JSON or as text without secrets.

        None if it cannot be read.
        """
        try:
            text = b"".join(self.chunks()).decode(errors="replace")
        except (ModelRefused, *TRANSPORT_ERRORS):
            self._call.time_left()
            return None
        text = credentials.redacted(text)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text

    def json(self) -> Any:
        """Return the parsed JSON of the whole body.

        Raises:
            ModelUnusable: The body is not JSON.
            ModelRefused: The body is longer than `MAX_BODY_BYTES`.
        """
        try:
            return json.loads(b"".join(self.chunks()))
        except (ValueError, RecursionError) as error:  # the latter: it is nested too deeply
            raise ModelUnusable("the answer is not JSON") from error
