"""One HTTP request to a model's server, and its response."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from chat.errors import ModelRefused
from tasks.models.call import Call
from tasks.models.connection import Connection
from tasks.models.connection_pool import ConnectionPool
from tasks.models.failures import TransientError, failure_of

# Far more than the longest reply takes with all that servers send around it.
MAX_BODY_BYTES = 16 * 2**20
_CHUNK_BYTES = 65536
_TRANSPORT_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
)


class Bearer(requests.auth.AuthBase):
    """Sends a given token or none, but never one from a ``.netrc`` file."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def loggable_url(url: str) -> str:
    """Return a URL without its user, password and query, which may contain a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


@contextmanager
def post(
    pool: ConnectionPool, url: str, token: str | None, body: dict[str, Any], call: Call
) -> Iterator[Response]:
    """Post a JSON body. Yields the response as soon as its head has arrived.

    Afterwards the connection is kept if the response has ended or is `Response.about_to_end`, and
    closed in all other cases. After an error a retry may so reach another server behind a proxy.

    Raises:
        TransientError, ModelLoading: The failure may not happen again.
        ModelRefused, BadRequest, PromptTooLong: The same request would fail again.
        ModelTimeout, Cancelled: As `Call.time_left`.
    """
    connection, keep = pool.take(), False
    try:
        with _translated_errors(call):
            try:
                answer = _send(connection, url, token, body, call)
            except _TRANSPORT_ERRORS as error:
                if not (connection.was_closed_while_idle(error) and call.may_resend()):
                    raise
                connection.close()
                connection = pool.new()
                answer = _send(connection, url, token, body, call)
            response = Response(answer, connection, call)
            if answer.status_code != 200:
                raise failure_of(answer, response.error_body())
            yield response
            keep = (response.about_to_end or response.has_ended) and not call.cancelled
    finally:
        if keep:
            pool.put(connection)
        else:
            connection.close()


def _send(
    connection: Connection, url: str, token: str | None, body: dict[str, Any], call: Call
) -> requests.Response:
    return connection.post(
        url,
        call,
        json=body,
        auth=Bearer(token),
        headers={
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",
        },
    )


@contextmanager
def _translated_errors(call: Call) -> Iterator[None]:
    """Translate the exceptions of requests, urllib3 and sockets into ours."""
    try:
        yield
    except _TRANSPORT_ERRORS as error:
        call.time_left()  # raises if a cancel or the deadline broke the connection
        raise TransientError(f"{type(error).__name__}: {_operating_system_error(error)}") from error


def _operating_system_error(error: BaseException) -> BaseException:
    """Return the innermost OSError that led to ``error``, or else ``error`` itself.

    The messages of requests and urllib3 may contain the URL, and with it a key.
    """
    innermost, next_error = error, error.__cause__ or error.__context__
    while next_error:
        if isinstance(next_error, OSError) and not isinstance(
            next_error, requests.RequestException
        ):
            innermost = next_error
        next_error = next_error.__cause__ or next_error.__context__
    return innermost


class Response:
    """A response whose body is read as it arrives."""

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

    def error_body(self) -> Any:
        """Return the JSON body of a response that is an error, None if it cannot be read."""
        try:
            return self.json()
        except (ModelRefused, *_TRANSPORT_ERRORS):
            self._call.time_left()
            return None

    def json(self) -> Any:
        """Return the parsed JSON of the whole body.

        Raises:
            ModelRefused: The body is not JSON, or longer than `MAX_BODY_BYTES`.
        """
        try:
            return json.loads(b"".join(self.chunks()))
        except (ValueError, RecursionError) as error:  # the latter: it is nested too deeply
            raise ModelRefused("the answer is not JSON") from error
