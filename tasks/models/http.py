"""How a model's server is asked over HTTP, and how its answer comes."""

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
from tasks.models.connection import CallAdapter, connect_within
from tasks.models.failures import NotReady, refusal

# What servers frame the longest replies with stays far below this.
MAX_BYTES = 16 * 2**20  # in the body of an answer
_CHUNK = 65536
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class Bearer(requests.auth.AuthBase):
    """A given token or none, but never one from a ``.netrc`` file."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


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
            session.mount("http://", CallAdapter(call))
            session.mount("https://", CallAdapter(call))
            with session.post(
                url,
                json=body,
                auth=Bearer(token),
                headers={
                    "Accept": "text/event-stream, application/json",
                    "Accept-Encoding": "identity",
                },
                timeout=(connect_within(call), call.left()),
                stream=True,
                allow_redirects=False,  # the token is for this server alone
            ) as response:
                if response.status_code != 200:
                    raise refusal(response, Response(response, call).refusal())
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
        room = MAX_BYTES
        while data := next(chunks, b""):
            room -= len(data)
            if room < 0:
                raise ModelRefused(f"the answer has more than {MAX_BYTES} bytes")
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
        except (ValueError, RecursionError) as error:  # the latter: it is nested too deeply
            raise ModelRefused("the answer is not JSON") from error
