"""A proxy to a real Redis that can answer every command with an error instead.

It is for errors that a real Redis cannot be made to answer here, such as those of a cluster.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class RedisErrorProxy:
    """A context manager that listens while it is open."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._upstream = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._error: bytes | None = None
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self.refused = 0  # commands

    def refuse(self, error: str) -> None:
        """Answer every command with ``error`` from now on, blocking commands too."""
        self._error = f"-{error}\r\n".encode()
        for client in list(self._open):
            self._drop(client)

    def serve(self) -> None:
        """Forward everything to Redis again."""
        self._error = None
        for client in list(self._open):
            self._drop(client)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()
        for client in list(self._open):
            self._drop(client)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(client)
            serve = self._answer_with_error if self._error else self._forward
            threading.Thread(target=serve, args=[client], daemon=True).start()

    def _drop(self, client: socket.socket) -> None:
        self._open.discard(client)
        try:
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            client.close()

    def _answer_with_error(self, client: socket.socket) -> None:
        try:
            with client, client.makefile("rb") as commands:
                while head := commands.readline():
                    for _ in range(int(head[1:])):
                        commands.read(int(commands.readline()[1:]) + 2)
                    self.refused += 1
                    client.sendall(self._error or b"-ERR too late\r\n")
        except (OSError, ValueError):
            pass
        finally:
            self._drop(client)

    def _forward(self, client: socket.socket) -> None:
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(self._upstream) as server,
        ):
            back = threading.Thread(target=self._copy, args=[server, client], daemon=True)
            back.start()
            self._copy(client, server)
            back.join()
        self._open.discard(client)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
