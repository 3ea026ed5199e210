"""A connection that has become a WebSocket, on its way from the application to the HTTP server."""

from __future__ import annotations

from collections.abc import Callable


class Upgraded:
    """What the application returns to `web.server.gunicorn_worker` instead of a response's body.

    While a server handles a response, it holds the request, its environ and the parser. They would
    take as much memory as the WebSocket itself, so the worker releases them before it calls
    ``serve``.
    """

    def __init__(self, serve: Callable[[], None]) -> None:
        """``serve`` serves the WebSocket until it has ended."""
        self.serve = serve
