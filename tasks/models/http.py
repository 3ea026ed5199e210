"""How a model's server is asked over HTTP, and what its failures become."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from chat.errors import ModelRefused
from tasks.models.call import Call

CONNECT_WITHIN = 5.0  # seconds
# What servers frame the longest replies with stays far below this.
MOST_BYTES = 16 * 2**20  # in the body of an answer
_CHUNK = 65536
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
# How servers say that a prompt has too many tokens: there is no code for it.
_LENGTH_WORDS = ("context", "too long", "token", "truncat", "length")
_PASSING = {408, 409, 424, 425}  # of the 4xx these may pass; 429 has its own


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


class Bearer(requests.auth.AuthBase):
    """A given token or none, but never one from a ``.netrc`` file."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _CallAdapter(HTTPAdapter):
    """Has a call hold the connection that it opens, through a proxy or not."""

    def __init__(self, call: Call) -> None:
        self._pools = _pools(call)
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(call: Call) -> dict[str, type[HTTPConnectionPool]]:
    class Http(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, call)

        def connect(self) -> None:
            super().connect()
            call.attach(self.sock)

    class Https(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, call)

        def connect(self) -> None:
            super().connect()
            call.attach(self.sock)

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = Https

    return {"http": HttpPool, "https": HttpsPool}


def _connect(connection: HTTPConnection, call: Call) -> socket.socket:
    """Connect as `socket.create_connection` does, but let a call hold the socket before that."""
    failure = OSError("the host has no address")
    host = connection._dns_host
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, connection.port, type=socket.SOCK_STREAM
    ):
        patience = min(CONNECT_WITHIN, call.left())
        line = socket.socket(family, kind, protocol)
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.settimeout(patience)
            call.hold(line)
            line.connect(address)
        except OSError as error:
            line.close()
            failure = error
        else:
            return line
    raise NewConnectionError(connection, "no connection") from failure


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
    try:
        with requests.Session() as session, _ours(call):
            session.mount("http://", _CallAdapter(call))
            session.mount("https://", _CallAdapter(call))
            with session.post(
                url,
                json=body,
                auth=Bearer(token),
                headers={
                    "Accept": "text/event-stream, application/json",
                    "Accept-Encoding": "identity",
                },
                timeout=(min(CONNECT_WITHIN, call.left()), call.left()),
                stream=True,
                allow_redirects=False,  # the token is for this server alone
            ) as response:
                if response.status_code != 200:
                    raise _refusal(response, Response(response, call).refusal())
                yield Response(response, call)
    finally:
        call.let_go()


@contextmanager
def _ours(call: Call) -> Iterator[None]:
    """Turn what requests raises into our own."""
    try:
        yield
    except _BROKEN as error:
        call.left()  # raises where that is why it broke
        raise NotReady(f"{type(error).__name__}: {_root(error)}") from error


def _root(error: BaseException) -> BaseException:
    """Return what the system said. What was made of it may quote the address, and a key in it."""
    root, next_one = error, error.__cause__ or error.__context__
    while next_one:
        if isinstance(next_one, OSError) and not isinstance(next_one, requests.RequestException):
            root = next_one
        next_one = next_one.__cause__ or next_one.__context__
    return root


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
        else:
            chunks = iter(lambda: raw.read1(_CHUNK, decode_content=True), b"")
        room = MOST_BYTES
        while True:
            self._call.limit()
            data = next(chunks, b"")
            if not data:
                break
            room -= len(data)
            if room < 0:
                raise ModelRefused(f"the answer has more than {MOST_BYTES} bytes")
            yield data
        self._call.left()  # raises where the end was made by a cancel

    def refusal(self) -> Any:
        """Return the body of a refusal, None where it has none that can be read."""
        try:
            return self.json()
        except (ModelRefused, *_BROKEN):
            self._call.left()
            return None

    def json(self) -> Any:
        """Return the body, whole.

        Raises:
            ModelRefused: It is not JSON.
        """
        try:
            return json.loads(b"".join(self.chunks()))
        except ValueError as error:
            raise ModelRefused("the answer is not JSON") from error


def _refusal(response: requests.Response, body: Any) -> Exception:
    """Return what a status other than 200 means, with its body."""
    status = response.status_code
    fields = body if isinstance(body, dict) else {}
    said = _said(fields) or response.reason or "no reason given"
    cause = f"HTTP {status}: {said}"
    retry_after = _until(response.headers.get("Retry-After"))
    if status == 503 and (estimated := _seconds(fields.get("estimated_time"))) is not None:
        return Loading(cause, retry_after=estimated)
    if status == 429:
        return NotReady(cause, retry_after=retry_after, busy=True)
    if status >= 500 or status in _PASSING:
        return NotReady(cause, retry_after=retry_after)
    about_length = any(word in said.lower() for word in _LENGTH_WORDS)
    if status == 413 or (status in (400, 422) and about_length):
        return PromptTooLong(cause)
    return ModelRefused(cause)


def _said(fields: dict[str, Any]) -> str:
    """Return what a server says of its refusal, without what it repeats of the prompt."""
    for name in ("error", "message", "detail"):
        said = fields.get(name)
        if isinstance(said, dict):
            said = said.get("message")
        if isinstance(said, list):
            items = [item for item in said if isinstance(item, dict)]
            said = "; ".join(f"{item.get('loc')}: {item.get('msg')}" for item in items)
        if said:
            return str(said).partition("'input'")[0][:200]
    return ""


def _seconds(value: Any) -> float | None:
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        return None


def _until(value: str | None) -> float | None:
    """Return the seconds of a Retry-After, which may be a date."""
    seconds = _seconds(value)
    if seconds is None and value:
        with suppress(ValueError):
            seconds = max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return seconds
