"""Flask routes for WebSockets: flask-sock with our own `WebSocket`."""

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

from web.transport.deadlines import DeadlineThread
from web.transport.websocket import SubprotocolChooser, Times, WebSocket

log = logging.getLogger(__name__)


class UpgradeRequired(HTTPException):
    """The request asks for another version of the WebSocket protocol (RFC 6455, section 4.4)."""

    code = 426
    description = "This is a WebSocket, version 13."

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        supported = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        return [*super().get_headers(*args, **kwargs), *supported]


class WebSocketRoutes(flask_sock.Sock):  # type: ignore[misc]
    """Routes whose handlers get a `WebSocket`. A handler that raises closes it with 1011."""

    def __init__(self, times: Times | None = None) -> None:
        super().__init__()
        self._times = times or Times()
        self._deadlines = DeadlineThread()

    def route(
        self, path: str, bp: Blueprint, *, choose_subprotocol: SubprotocolChooser, **options: Any
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Register a function of ``bp`` that handles the WebSockets under ``path``.

        ``choose_subprotocol`` gets the subprotocols that the client offers; it returns the one to
        select, or None. A request that is not a handshake gets 400; another version gets 426.
        """

        def decorator(handler: Callable[..., None]) -> Callable[..., None]:
            @wraps(handler)
            def handle(**values: Any) -> Response:
                websocket = _accept(choose_subprotocol, self._times)
                self._deadlines.watch(websocket)
                try:
                    _run(handler, websocket, values)
                    websocket.close()
                    websocket.wait_closed()
                finally:
                    websocket.abort()  # for an exception that ends the process
                    self._deadlines.leave(websocket)
                return _NoResponse(websocket)

            bp.route(path, websocket=True, **options)(handle)
            return handler

        return decorator


def _accept(chooser: SubprotocolChooser, times: Times) -> WebSocket:
    """Answer the handshake.

    Raises:
        HTTPException: The request is not a valid handshake. Nothing has been written.
    """
    if request.headers.get("Sec-WebSocket-Version") != "13":
        raise UpgradeRequired
    if request.method != "GET":
        raise BadRequest("A WebSocket is opened with GET.")
    try:
        return WebSocket(request.environ, chooser, times)
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
        # If Flask handled it, it would write an HTTP response into the WebSocket. The URL is not
        # logged, since it may contain a token.
        log.exception("a WebSocket's handler failed")
        websocket.close(1011, "internal error")


class _NoResponse(Response):
    """The response to a request that became a WebSocket: the HTTP server writes nothing."""

    def __init__(self, websocket: WebSocket) -> None:
        super().__init__()
        self._mode = websocket.mode

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._mode == "gunicorn":
            raise StopIteration  # gunicorn 27.0.1 then closes the connection without a response
        return super().__call__(*args, **kwargs) if self._mode == "werkzeug" else []
