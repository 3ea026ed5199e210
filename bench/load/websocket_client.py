"""A WebSocket client that uses little CPU: only asyncio and RFC 6455.

A library's client would need more CPU for 600 streams than the server that is measured.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable
from typing import Any

_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_UNMASKED = bytes(4)  # a mask of zeros leaves the payload as it is
OPEN_WITHIN = 60.0  # seconds

OnText = Callable[["WebSocketClient", bytes, float], None]


class FrameReader:
    """Splits the received bytes into messages."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._message = b""  # the fragments so far

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the opcode and the payload of each message that is complete now."""
        received = self._received
        received += data
        messages = []
        start = 0
        while len(received) - start >= 2:
            final, opcode = received[start] & 0x80, received[start] & 0x0F
            length, body = received[start + 1] & 0x7F, start + 2
            if length == 126:
                length, body = int.from_bytes(received[body : body + 2], "big"), body + 2
            elif length == 127:
                length, body = int.from_bytes(received[body : body + 8], "big"), body + 8
            if len(received) < body + length:
                break
            payload = bytes(received[body : body + length])
            start = body + length
            if opcode >= _CLOSE:
                messages.append((opcode, payload))
            elif final:
                messages.append((_TEXT, self._message + payload))
                self._message = b""
            else:
                self._message += payload
        del received[:start]
        return messages


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame."""
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + _UNMASKED + payload


class WebSocketClient(asyncio.Protocol):
    """One WebSocket. ``on_text(self, text, when)`` is called with each message.

    The first may come before `connect` returns. ``when`` is monotonic, in seconds.
    """

    def __init__(self, on_text: OnText) -> None:
        self.on_text = on_text
        self.closed_with: int | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._frames = FrameReader()
        self._head: bytearray | None = bytearray()  # None: the handshake is over
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, text: str) -> None:
        self.transport.write(frame(_TEXT, text.encode()))

    def close(self) -> None:
        self.transport.write(frame(_CLOSE, (1000).to_bytes(2, "big")))
        self.transport.close()

    # asyncio

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("closed in the handshake"))
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if self._head is not None:
            self._head += data
            head, end, data = bytes(self._head).partition(b"\r\n\r\n")
            if not end:
                return
            self._head = None
            status = head.split(b"\r\n", 1)[0]
            if b" 101 " not in status:
                self.opened.set_exception(ConnectionError(status.decode()))
                self.transport.close()
                return
            self.opened.set_result(None)
        for opcode, payload in self._frames.feed(data):
            if opcode == _TEXT:
                self.on_text(self, payload, now)
            elif opcode == _PING:
                self.transport.write(frame(_PONG, payload))
            elif opcode == _CLOSE:
                self.closed_with = int.from_bytes(payload[:2], "big")
                self.transport.close()


async def connect(
    port: int,
    path: str,
    on_text: OnText,
    *,
    subprotocols: str = "",
    source: str = "127.0.0.1",
) -> WebSocketClient:
    """Open a WebSocket on loopback from the address ``source``.

    Raises:
        ConnectionError: It was refused; the text has the HTTP status.
    """
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(
        lambda: WebSocketClient(on_text), "127.0.0.1", port, local_addr=(source, 0)
    )
    key = base64.b64encode(os.urandom(16)).decode()
    offered = f"Sec-WebSocket-Protocol: {subprotocols}\r\n" if subprotocols else ""
    client.transport.write(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"{offered}\r\n".encode()
    )
    await asyncio.wait_for(asyncio.shield(client.opened), OPEN_WITHIN)
    return client
