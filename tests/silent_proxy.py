"""A TCP proxy that can go silent, like a network that is lost without a reset."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class SilentProxy:
    """Forwards connections to a port of this machine; a context manager that closes them."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._silenced: set[socket.socket] = set()
        self.accepted = 0  # connections so far
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def silence(self) -> None:
        """Forward nothing more on the open connections, and leave them open.

        Connections that are opened later are forwarded.
        """
        self._silenced.update(self._sockets)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._upstream_port))
                self._sockets += [client, server]
                self.accepted += 1
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if sink not in self._silenced:
                    sink.sendall(data)
            if sink not in self._silenced:
                sink.shutdown(socket.SHUT_WR)
