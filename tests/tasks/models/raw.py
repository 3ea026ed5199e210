"""Servers that answer byte for byte as they are told, for what no decent server does."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

Answer = bytes | Callable[[socket.socket], None]


class Raw:
    """A server that gives its first answer to the first request, and its last to all further.

    With ``hasty`` it answers whoever connects, and reads nothing.
    """

    def __init__(self, answers: Sequence[Answer], *, hasty: bool = False) -> None:
        self.asked: list[bytes] = []  # the requests, head and body
        self._hasty = hasty
        self.connected = threading.Event()
        self.closed = threading.Event()  # by the client
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.place}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def body(self, number: int) -> Any:
        """Return the body of a request, decoded."""
        return json.loads(self.asked[number].partition(b"\r\n\r\n")[2])

    def wait_closed(self, client: socket.socket) -> None:
        """Answer no more until the client has closed its connection."""
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
            number = len(self.asked)
            self.asked.append(b"" if self._hasty else _request(client))
            answer = self._answers[min(number, len(self._answers) - 1)]
            if isinstance(answer, bytes):
                client.sendall(answer)
            else:
                answer(client)


@contextmanager
def raw(*answers: Answer, hasty: bool = False) -> Iterator[Raw]:
    """Serve these answers."""
    server = Raw(answers, hasty=hasty)
    try:
        yield server
    finally:
        server.close()


def http(body: Any, status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole response; a body that is no bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}
    return head(status, **given) + data


def stream(*events: Any) -> bytes:
    """Return a response that streams these events, until its connection ends."""
    return head("200 OK", **{"Content-Type": "text/event-stream"}) + b"".join(
        b"data: %s\n\n" % (event if isinstance(event, bytes) else json.dumps(event).encode())
        for event in events
    )


def head(status: str, **headers: str) -> bytes:
    """Return a response up to its body."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode()


def _request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(client)
    top, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1])
        for line in top.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while len(body) < sum(lengths):
        body += _some(client)
    return top + b"\r\n\r\n" + body


def _some(client: socket.socket) -> bytes:
    data = client.recv(65536)
    if not data:
        raise ConnectionResetError
    return data
