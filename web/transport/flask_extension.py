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

from web.transport.keepalive import Keepalive
from web.transport.websocket import Choice, Times, WebSocket

log = logging.getLogger(__name__)


class UpgradeRequired(HTTPException):
    """The request asks for a WebSocket of another version."""

    code = 426
    description = "This is a WebSocket, version 13."

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        wanted = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        return [*super().get_headers(*args, **kwargs), *wanted]


class WebSocketRoutes(flask_sock.Sock):  # type: ignore[misc]
    """Flask-sock whose handlers get a `Link`, and whose failures stay off the open socket."""

    def __init__(self, times: Times | None = None) -> None:
        super().__init__()
        self._times = times or Times()
        self._keepalive = Keepalive()

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
                websocket = _accept(choose_subprotocol, self._times)
                self._keepalive.watch(websocket)
                try:
                    _run(handler, websocket, values)
                    websocket.finish()
                finally:
                    websocket.end()  # also where the process ends
                    self._keepalive.leave(websocket)
                return _Ended(websocket)

            bp.route(path, websocket=True, **options)(handle)
            return handler

        return decorator


def _accept(choose: Choice, times: Times) -> WebSocket:
    """Answer the handshake.

    Raises:
        HTTPException: It is none, and nothing has been written.
    """
    if request.headers.get("Sec-WebSocket-Version") != "13":
        raise UpgradeRequired
    if request.method != "GET":
        raise BadRequest("A WebSocket is opened with GET.")
    try:
        return WebSocket(request.environ, choose, times)
    except (RemoteProtocolError, UnicodeError) as error:
        raise BadRequest("The handshake of the WebSocket cannot be read.") from error
    except OSError as error:
        raise BadRequest("The client is gone.") from error


def _run(handler: Callable[..., None], websocket: WebSocket, values: dict[str, Any]) -> None:
    try:
        handler(websocket, **values)
    except ConnectionClosed:
        pass
    except Exception:
        # Whatever Flask made of it would be written into the open socket. Its address stays out
        # of the log: there may be a token in it.
        log.exception("a socket failed by our own fault")
        websocket.close(1011, "our fault")


class _Ended(Response):
    """The answer to a request whose connection is no longer HTTP: none."""

    def __init__(self, websocket: WebSocket) -> None:
        super().__init__()
        self._mode = websocket.mode

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._mode == "gunicorn":
            raise StopIteration  # gunicorn's way to let a connection go
        return super().__call__(*args, **kwargs) if self._mode == "werkzeug" else []
