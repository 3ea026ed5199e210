"""A server that answers several requests on one connection, and counts both."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.tasks.models.raw_server import _request

# Takes the client's socket and the number of the request, from 0. It returns whether the server
# reads another request from this connection.
Answer = Callable[[socket.socket, int], bool]


class KeepAliveServer:
    """Serves each connection in a thread."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.connections: list[socket.socket] = []
        self.requests: list[tuple[int, bytes]] = []  # number of the connection, head and body
        self.closed = threading.Semaphore(0)  # released when a client has closed its connection
        self._answer, self._tls = answer, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def used(self) -> list[int]:
        """The number of the connection of each request."""
        return [number for number, _ in self.requests]

    def close(self) -> None:
        """Accept no more connections and close all."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self.connections:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            number = len(self.connections)
            self.connections.append(client)
            with client:
                while True:
                    try:
                        request = _request(client)
                    except OSError:
                        self.closed.release()
                        return
                    self.requests.append((number, request))
                    if not self._answer(client, len(self.requests) - 1):
                        return


@contextmanager
def keep_alive_server(
    answer: Answer, tls: ssl.SSLContext | None = None
) -> Iterator[KeepAliveServer]:
    server = KeepAliveServer(answer, tls)
    try:
        yield server
    finally:
        server.close()


def stream_head(*headers: bytes) -> bytes:
    """Return the head of a stream in chunks."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked"]
    return b"\r\n".join([*lines, *headers, b"\r\n"])


def chunk(event: Any) -> bytes:
    """Return an event as one chunk."""
    data = event if isinstance(event, bytes) else json.dumps(event).encode()
    data = b"data: %s\n\n" % data
    return b"%x\r\n%s\r\n" % (len(data), data)


DONE = chunk(b"[DONE]")
LAST_CHUNK = b"0\r\n\r\n"


def reset(client: socket.socket) -> None:
    """Close with a TCP reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
