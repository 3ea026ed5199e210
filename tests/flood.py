"""A client that sends without end, and reconnects as soon as its connection ends.

    python -m tests.flood KIND PORT

It is a process of its own, so that it does not slow down the test that measures.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress

_HEAD = "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_PIECE = 64 * 1024  # bytes


def _filled(unit: bytes) -> bytes:
    return unit * (_PIECE // len(unit))


def _endless(first: str, unit: bytes) -> Iterator[bytes]:
    yield first.encode()
    piece = _filled(unit)
    while True:
        yield piece


def _slowly(first: str, unit: bytes) -> Iterator[bytes]:
    yield first.encode()
    while True:
        time.sleep(0.5)
        yield unit


def _websocket(port: int, frame: bytes) -> Iterator[bytes]:
    """Yield a handshake with a new session, then ``frame``, masked with zeros, without end."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/token?name=Eve", b"") as response:
        token = json.load(response)["token"]
    key = base64.b64encode(os.urandom(16)).decode()
    yield (
        f"GET /chat?token={token} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Protocol: chat.events.v1\r\n\r\n"
    ).encode()
    time.sleep(0.5)
    while True:
        yield _filled(frame)


KINDS = {
    "one-byte chunks": lambda _: _endless(
        _HEAD + "Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"
    ),
    "large chunks": lambda _: _endless(
        _HEAD + "Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"a" * 4096 + b"\r\n"
    ),
    "an endless chunk extension": lambda _: _endless(
        _HEAD + "Transfer-Encoding: chunked\r\n\r\n1;", b"a"
    ),
    "endless trailers": lambda _: _endless(
        _HEAD + "Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"
    ),
    "a body of a terabyte": lambda _: _endless(_HEAD + f"Content-Length: {10**12}\r\n\r\n", b"a"),
    "a body that trickles": lambda _: _slowly(_HEAD + "Content-Length: 60000\r\n\r\n", b"a"),
    "chunks that trickle": lambda _: _slowly(
        _HEAD + "Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"
    ),
    "a head that trickles": lambda _: _slowly("GET /test HTTP/1.1\r\n", b"A: b\r\n"),
    "endless headers": lambda _: _endless("GET /test HTTP/1.1\r\n", b"A: b\r\n"),
    "an endless line": lambda _: _endless("GET /", b"a"),
    "garbage": lambda _: _endless("", bytes(range(256))),
    "line ends": lambda _: _endless("", b"\r\n"),
    "pipelined requests": lambda _: _endless("", b"GET /test HTTP/1.1\r\nHost: x\r\n\r\n"),
    "pipelined requests, unread": lambda _: _endless("", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a handshake with a body": lambda _: _endless(
        "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n",
    ),
    "WebSocket pings": lambda port: _websocket(port, b"\x89\x80\x00\x00\x00\x00"),
    "tiny WebSocket frames": lambda port: _websocket(port, b"\x81\x81\x00\x00\x00\x00a"),
}


def _discard(connection: socket.socket) -> None:
    with suppress(OSError):
        while connection.recv(_PIECE):
            pass


def flood(kind: str, port: int) -> None:
    """Connect and send, again and again, until the process is killed."""
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
            if "unread" not in kind:
                threading.Thread(target=_discard, args=(connection,), daemon=True).start()
            for piece in KINDS[kind](port):
                connection.sendall(piece)
        time.sleep(0.01)


if __name__ == "__main__":
    flood(sys.argv[1], int(sys.argv[2]))
