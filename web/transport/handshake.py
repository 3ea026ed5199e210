"""The opening handshake of a WebSocket (RFC 6455, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simple_websocket import Server
from wsproto.connection import Connection

# Gets the subprotocols that a client offers; returns the one to select, or None.
SubprotocolChooser = Callable[[list[str]], str | None]


class Handshake(Server):  # type: ignore[misc]
    """Answers a handshake. It holds the request, so a `WebSocket` takes only what it needs of it.

    ``sock`` is the connection, ``mode`` the kind of HTTP server, as simple-websocket names it.
    """

    ws: Any

    def __init__(self, environ: dict[str, Any], chooser: SubprotocolChooser) -> None:
        self._chooser = chooser
        # Compression would cost fifteen times the memory, so no extension is negotiated.
        no_extensions = {k: v for k, v in environ.items() if k != "HTTP_SEC_WEBSOCKET_EXTENSIONS"}
        super().__init__(no_extensions, thread_class=_NoThread, event_class=object)

    @property
    def connection(self) -> Connection:
        """The protocol's state after the handshake."""
        connection: Connection = self.ws.connection
        return connection

    def choose_subprotocol(self, request: Any) -> str | None:
        return self._chooser(list(request.subprotocols))


class _NoThread:
    """Replaces the thread in which simple-websocket reads ahead."""

    name = ""

    def __init__(self, target: Callable[[], None]) -> None:
        pass

    def start(self) -> None:
        pass
