"""Routes for WebSockets: flask-sock's, on our own `Link`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import flask_sock
from flask import Blueprint, Response, abort, request
from simple_websocket import ConnectionClosed

from chat.loop import start_loop
from web.link import Choice, Link, Pulse

log = logging.getLogger(__name__)

Handler = Callable[[Link], None]


class Sock(flask_sock.Sock):  # type: ignore[misc]
    """Flask-sock whose handlers get a `Link`."""

    def __init__(self) -> None:
        super().__init__()
        self._pulse = Pulse()
        self._beating = False

    def route(
        self, path: str, bp: Blueprint, *, choose_subprotocol: Choice, **options: Any
    ) -> Callable[[Handler], Handler]:
        """Have a function handle the sockets under ``path`` of ``bp``.

        ``choose_subprotocol`` gets the offered ones and returns the one to select, or None.
        """

        def decorator(handler: Handler) -> Handler:
            @wraps(handler)
            def handle() -> Response:
                if request.headers.get("Sec-WebSocket-Version") != "13":
                    abort(400, "This is a WebSocket, version 13.")
                self._start_pulse()
                link = Link(request.environ, choose_subprotocol, self._pulse)
                try:
                    handler(link)
                    link.close()
                except ConnectionClosed:
                    pass
                except Exception:
                    # Whatever Flask made of it would be written into the open socket.
                    log.exception("a socket failed by our own fault")
                    link.close(1011, "our fault")
                link.finish()
                return _Ended(link)

            bp.route(path, websocket=True, **options)(handle)
            return handler

        return decorator

    def _start_pulse(self) -> None:
        if not self._beating:
            self._beating = True
            start_loop("pulse", self._pulse.run)


class _Ended(Response):
    """The answer to a request whose connection is no longer HTTP: none."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._mode = link.mode

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._mode == "gunicorn":
            raise StopIteration  # gunicorn's way to let a connection go
        return super().__call__(*args, **kwargs) if self._mode == "werkzeug" else []
