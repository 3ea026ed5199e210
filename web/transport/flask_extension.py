"""Flask routes for WebSockets: flask-sock with our own `WebSocket`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import flask_sock
from flask import Blueprint, Response, request
from simple_websocket import ConnectionClosed
from werkzeug.exceptions import BadRequest, HTTPException
from wsproto.utilities import RemoteProtocolError

from web.transport.deadlines import DeadlineThread
from web.transport.handshake import Handshake, SubprotocolChooser
from web.transport.upgraded import Upgraded
from web.transport.websocket import Times, WebSocket

log = logging.getLogger(__name__)


class UpgradeRequired(HTTPException):
    """The request asks for another version of the WebSocket protocol (RFC 6455, section 4.4)."""

    code = 426
    description = "This is a WebSocket, version 13."

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        supported = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        return [*super().get_headers(*args, **kwargs), *supported]


# Serves one WebSocket until its handler is done with it.
Serve = Callable[[WebSocket], None]


class WebSocketRoutes(flask_sock.Sock):  # type: ignore[misc]
    """Routes whose requests become WebSockets."""

    def __init__(self, times: Times | None = None) -> None:
        super().__init__()
        self._times = times or Times()
        self._deadlines = DeadlineThread()

    def route(
        self, path: str, bp: Blueprint, *, choose_subprotocol: SubprotocolChooser, **options: Any
    ) -> Callable[[Callable[..., Serve]], Callable[..., Serve]]:
        """Register a handler of ``bp`` for the WebSockets under ``path``.

        The handler runs within the request, before the handshake is answered, and may still refuse
        it. It returns the function that then serves the WebSocket. That function runs when the
        request is over, so it cannot use Flask's ``request``. If it raises, the WebSocket is closed
        with 1011.

        ``choose_subprotocol`` gets the subprotocols that the client offers; it returns the one to
        select, or None. A request that is not a handshake gets 400; another version gets 426.
        """

        def decorator(handler: Callable[..., Serve]) -> Callable[..., Serve]:
            @wraps(handler)
            def handle(**values: Any) -> Response:
                _check_request()
                serve = handler(**values)
                handshake = _answer(choose_subprotocol)
                websocket = WebSocket(handshake, self._times)
                return _UpgradedResponse(partial(self._run, serve, websocket), handshake.mode)

            bp.route(path, websocket=True, **options)(handle)
            return handler

        return decorator

    def _run(self, serve: Serve, websocket: WebSocket) -> None:
        """Serve a WebSocket until the connection has ended."""
        self._deadlines.watch(websocket)
        try:
            _serve_or_close(serve, websocket)
            websocket.close()
            websocket.wait_closed()
        finally:
            websocket.abort()  # for an exception that ends the process
            self._deadlines.leave(websocket)


def _serve_or_close(serve: Serve, websocket: WebSocket) -> None:
    try:
        serve(websocket)
    except ConnectionClosed:
        pass
    except Exception:
        # The URL is not logged, since it may contain a token.
        log.exception("a WebSocket's handler failed")
        websocket.close(1011, "internal error")


def _check_request() -> None:
    if request.headers.get("Sec-WebSocket-Version") != "13":
        raise UpgradeRequired
    if request.method != "GET":
        raise BadRequest("A WebSocket is opened with GET.")


def _answer(chooser: SubprotocolChooser) -> Handshake:
    """Answer the handshake.

    Raises:
        HTTPException: The request is not a valid handshake. Nothing has been written.
    """
    try:
        return Handshake(request.environ, chooser)
    except (RemoteProtocolError, UnicodeError) as error:
        raise BadRequest("The handshake of the WebSocket cannot be read.") from error
    except OSError as error:
        raise BadRequest("The client is gone.") from error


class _UpgradedResponse(Response):
    """The response to a request that became a WebSocket: the HTTP server writes nothing."""

    def __init__(self, serve: Callable[[], None], mode: str) -> None:
        super().__init__()
        self._serve = serve
        self._mode = mode

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._mode == "gunicorn":
            return Upgraded(self._serve)
        self._serve()
        return super().__call__(*args, **kwargs) if self._mode == "werkzeug" else []
