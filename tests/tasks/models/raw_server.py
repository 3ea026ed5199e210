"""Servers that send given bytes, to show what no correct server does."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

Answer = bytes | Callable[[socket.socket], None]


class RawServer:
    """A server that gives each answer to one request, and the last one to all further requests.

    With ``reads_request=False`` it answers each connection without reading from it.
    """

    def __init__(self, answers: Sequence[Answer], *, reads_request: bool = True) -> None:
        self.requests: list[bytes] = []  # head and body
        self._reads_request = reads_request
        self.connected = threading.Event()
        self.closed = threading.Event()  # by the client
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.address}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def body(self, number: int) -> Any:
        """Return the parsed JSON body of a request."""
        return json.loads(self.requests[number].partition(b"\r\n\r\n")[2])

    def wait_closed(self, client: socket.socket) -> None:
        """Wait until the client has closed its connection."""
        with suppress(OSError):
            while client.recv(65536):
                pass
        self.closed.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            self.connected.set()
            number = len(self.requests)
            self.requests.append(_request(client) if self._reads_request else b"")
            answer = self._answers[min(number, len(self._answers) - 1)]
            if isinstance(answer, bytes):
                client.sendall(answer)
            else:
                answer(client)


@contextmanager
def raw_server(*answers: Answer, reads_request: bool = True) -> Iterator[RawServer]:
    """Run a server with these answers, one for each request."""
    server = RawServer(answers, reads_request=reads_request)
    try:
        yield server
    finally:
        server.close()


def http(body: Any, status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole response. A body other than bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}
    return head(status, **fields) + data


def stream(*events: Any) -> bytes:
    """Return a response that streams these events. It ends with its connection."""
    return head("200 OK", **{"Content-Type": "text/event-stream"}) + b"".join(
        b"data: %s\n\n" % (event if isinstance(event, bytes) else json.dumps(event).encode())
        for event in events
    )


def cut_stream(*events: Any) -> bytes:
    """Return a response that streams these events in chunks. The last chunk is missing."""
    begin, _, body = stream(*events).partition(b"\r\n\r\n")
    chunk = b"%x\r\n%s\r\n" % (len(body), body)
    return begin + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk


def head(status: str, **headers: str) -> bytes:
    """Return the head of a response."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode()


def _request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _received(client)
    fields, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1])
        for line in fields.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while len(body) < sum(lengths):
        body += _received(client)
    return fields + b"\r\n\r\n" + body


def _received(client: socket.socket) -> bytes:
    data = client.recv(65536)
    if not data:
        raise ConnectionResetError
    return data
