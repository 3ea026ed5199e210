"""A TCP proxy that can go silent, as a network does that is gone without a reset."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class SilentProxy:
    """Forwards the connections to a port of loopback, each way in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._silent: set[socket.socket] = set()
        self.opened = 0  # connections so far
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def go_silent(self) -> None:
        """Forward nothing more on the connections that are open, and leave them open.

        Those that are opened later are forwarded.
        """
        self._silent.update(self._sockets)

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            self._sockets += [client, server]
            self.opened += 1
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if sink not in self._silent:
                    sink.sendall(data)
        if sink not in self._silent:
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
