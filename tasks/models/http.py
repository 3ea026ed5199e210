"""How a model's server is asked over HTTP, and what its failures become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from chat.errors import ModelRefused, ModelTimeout
from tasks.models.call import Call

CONNECT_WITHIN = 5.0  # seconds
_CHUNK = 65536
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
# How servers say that a prompt has too many tokens: there is no code for it.
_LENGTH_WORDS = ("context", "too long", "token", "truncat", "length")
_PASSING = {408, 409, 425}  # of the 4xx these may pass; 429 has its own


class NotReady(Exception):
    """The model's server cannot answer for now; the string is the cause."""

    def __init__(self, cause: str, *, retry_after: float | None = None, busy: bool = False):
        super().__init__(cause)
        self.retry_after = retry_after  # seconds, as far as the server says
        self.busy = busy


class Loading(NotReady):
    """The model is being loaded; how long that takes is known to its server alone."""


class PromptTooLong(ModelRefused):
    """The prompt has more tokens than the model takes."""


class _Bearer(requests.auth.AuthBase):
    """A given token or none, but never one from a ``.netrc`` file."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _CallAdapter(HTTPAdapter):
    """Gives the connection that it opens to a call, which may then close it."""

    def __init__(self, call: Call) -> None:
        self._call = call
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        call = self._call

        class Http(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                call.attach(self.sock)

        class Https(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                call.attach(self.sock)

        class HttpPool(HTTPConnectionPool):
            ConnectionCls = Http

        class HttpsPool(HTTPSConnectionPool):
            ConnectionCls = Https

        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}


def place(url: str) -> str:
    """Return a URL as a log may have it: without what could be a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


@contextmanager
def post(url: str, token: str | None, body: dict[str, Any], call: Call) -> Iterator[Response]:
    """Ask, and give what is answered.

    Raises:
        NotReady, Loading: It may pass.
        ModelRefused, PromptTooLong: It will not.
        ModelTimeout, Cancelled: As `Call.left`.
    """
    with requests.Session() as session, _ours(call):
        session.mount("http://", _CallAdapter(call))
        session.mount("https://", _CallAdapter(call))
        response = session.post(
            url,
            json=body,
            auth=_Bearer(token),
            headers={
                "Accept": "text/event-stream, application/json",
                "Accept-Encoding": "identity",
            },
            timeout=(min(CONNECT_WITHIN, call.left()), call.left()),
            stream=True,
            allow_redirects=False,
        )
        if response.status_code != 200:
            raise _refusal(response)
        yield Response(response, call)


@contextmanager
def _ours(call: Call) -> Iterator[None]:
    """Turn what requests raises into our own."""
    try:
        yield
    except _BROKEN as error:
        call.left()  # raises where that is why it broke
        if isinstance(error, requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
            raise ModelTimeout("no answer by the deadline") from error
        raise NotReady(f"{type(error).__name__}: {error}") from error


class Response:
    """An answer that comes."""

    def __init__(self, response: requests.Response, call: Call) -> None:
        self._response = response
        self._call = call

    @property
    def server(self) -> str:
        """The name of the server's software."""
        return self._response.headers.get("Server", "")

    @property
    def streams(self) -> bool:
        """Whether it is a stream of events."""
        return "text/event-stream" in self._response.headers.get("Content-Type", "")

    def chunks(self) -> Iterator[bytes]:
        """Give the body as it comes."""
        raw = self._response.raw
        if raw.chunked:
            chunks = raw.stream(_CHUNK, decode_content=True)
            while True:
                self._call.limit()
                try:
                    yield next(chunks)
                except StopIteration:
                    return
        while True:
            self._call.limit()
            data = raw.read1(_CHUNK)
            if not data:
                return
            yield data

    def json(self) -> Any:
        """Return the body, whole.

        Raises:
            ModelRefused: It is not JSON.
        """
        try:
            return json.loads(b"".join(self.chunks()))
        except ValueError as error:
            raise ModelRefused("the answer is not JSON") from error


def _refusal(response: requests.Response) -> Exception:
    """Return what a status other than 200 means."""
    status = response.status_code
    said = _error_of(response)
    cause = f"HTTP {status}: {said}"
    retry_after = _seconds(response.headers.get("Retry-After"))
    if status == 503 and (estimated := _seconds(_field(response, "estimated_time"))) is not None:
        return Loading(cause, retry_after=estimated)
    if status == 429:
        return NotReady(cause, retry_after=retry_after, busy=True)
    if status >= 500 or status in _PASSING:
        return NotReady(cause, retry_after=retry_after)
    if status in (400, 413, 422) and any(word in said.lower() for word in _LENGTH_WORDS):
        return PromptTooLong(cause)
    return ModelRefused(cause)


def _field(response: requests.Response, name: str) -> Any:
    try:
        body = response.json()
    except ValueError:
        return None
    return body.get(name) if isinstance(body, dict) else None


def _error_of(response: requests.Response) -> str:
    """Return what a server says of its refusal; not all of it, since some repeat the prompt."""
    for name in ("error", "message", "detail"):
        said = _field(response, name)
        if isinstance(said, dict):
            said = said.get("message")
        if said:
            return str(said)[:200]
    return response.reason or "no reason given"


def _seconds(value: Any) -> float | None:
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        return None
