"""Routes for WebSockets: flask-sock's, on our own `Link`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import flask_sock
from flask import Blueprint, Response, request
from simple_websocket import ConnectionClosed
from werkzeug.exceptions import BadRequest, HTTPException
from wsproto.utilities import RemoteProtocolError

from web.link import Choice, Link, Times
from web.pulse import Pulse

log = logging.getLogger(__name__)


class UpgradeRequired(HTTPException):
    """The request asks for a WebSocket of another version."""

    code = 426
    description = "This is a WebSocket, version 13."

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        wanted = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        return [*super().get_headers(*args, **kwargs), *wanted]


class Sock(flask_sock.Sock):  # type: ignore[misc]
    """Flask-sock whose handlers get a `Link`, and whose failures stay off the open socket."""

    def __init__(self, times: Times | None = None) -> None:
        super().__init__()
        self._times = times or Times()
        self._pulse = Pulse()

    def route(
        self, path: str, bp: Blueprint, *, choose_subprotocol: Choice, **options: Any
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Have a function handle the sockets under ``path`` of ``bp``.

        ``choose_subprotocol`` gets the offered ones and returns the one to select, or None. A
        request that is no handshake is refused like any other: 400, or 426 for its version.
        """

        def decorator(handler: Callable[..., None]) -> Callable[..., None]:
            @wraps(handler)
            def handle(**values: Any) -> Response:
                link = _accept(choose_subprotocol, self._times)
                self._pulse.watch(link)
                try:
                    _run(handler, link, values)
                    link.finish()
                finally:
                    link.end()  # also where the process ends: nothing more may be written to it
                    self._pulse.leave(link)
                return _Ended(link)

            bp.route(path, websocket=True, **options)(handle)
            return handler

        return decorator


def _accept(choose: Choice, times: Times) -> Link:
    """Answer the handshake.

    Raises:
        HTTPException: It is none, and nothing has been written.
    """
    if request.headers.get("Sec-WebSocket-Version") != "13":
        raise UpgradeRequired
    if request.method != "GET":
        raise BadRequest("A WebSocket is opened with GET.")
    try:
        return Link(request.environ, choose, times)
    except (RemoteProtocolError, UnicodeError) as error:
        raise BadRequest("The handshake of the WebSocket cannot be read.") from error
    except OSError as error:
        raise BadRequest("The client is gone.") from error


def _run(handler: Callable[..., None], link: Link, values: dict[str, Any]) -> None:
    try:
        handler(link, **values)
    except ConnectionClosed:
        pass
    except Exception:
        # Whatever Flask made of it would be written into the open socket. Its address stays out
        # of the log: there may be a token in it.
        log.exception("a socket failed by our own fault")
        link.close(1011, "our fault")


class _Ended(Response):
    """The answer to a request whose connection is no longer HTTP: none."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._mode = link.mode

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._mode == "gunicorn":
            raise StopIteration  # gunicorn's way to let a connection go
        return super().__call__(*args, **kwargs) if self._mode == "werkzeug" else []
