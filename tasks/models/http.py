"""One HTTP request to a model's server, and its response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from chat.errors import ModelRefused
from tasks.models.call import Call
from tasks.models.connection import CancellableHTTPAdapter, connect_timeout
from tasks.models.failures import TransientError, failure_of

# Far more than the longest reply takes with all that servers send around it.
MAX_BODY_BYTES = 16 * 2**20
_CHUNK_BYTES = 65536
_TRANSPORT_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


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
def post(url: str, token: str | None, body: dict[str, Any], call: Call) -> Iterator[Response]:
    """Post a JSON body. Yields the response as soon as its head has arrived.

    Raises:
        TransientError, ModelLoading: The failure may not happen again.
        ModelRefused, BadRequest, PromptTooLong: The same request would fail again.
        ModelTimeout, Cancelled: As `Call.time_left`.
    """
    try:
        with requests.Session() as session, _translated_errors(call):
            session.mount("http://", CancellableHTTPAdapter(call))
            session.mount("https://", CancellableHTTPAdapter(call))
            with session.post(
                url,
                json=body,
                auth=Bearer(token),
                headers={
                    "Accept": "text/event-stream, application/json",
                    "Accept-Encoding": "identity",
                },
                timeout=(connect_timeout(call), call.time_left()),
                stream=True,
                allow_redirects=False,  # the token is for this server alone
            ) as response:
                if response.status_code != 200:
                    raise failure_of(response, Response(response, call).error_body())
                yield Response(response, call)
    finally:
        call.forget_sockets()


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

    def __init__(self, response: requests.Response, call: Call) -> None:
        self._response = response
        self._call = call

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
        raw = self._response.raw
        if raw.chunked:
            chunks = raw.stream(_CHUNK_BYTES, decode_content=True)
        else:
            chunks = iter(lambda: raw.read1(_CHUNK_BYTES, decode_content=True), b"")
        bytes_left = MAX_BODY_BYTES
        while chunk := next(chunks, b""):
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
