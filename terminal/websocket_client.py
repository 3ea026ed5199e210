"""One WebSocket that speaks ``chat.events.v1``."""

from __future__ import annotations

import json
import select
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import websocket

from terminal.errors import ConnectionLostError, ConnectionSilentError, Failed
from terminal.handshake import SESSION_ENDED, connect
from terminal.keepalive import CHECK_INTERVAL, Keepalive, Verdict

MAX_FRAME_SIZE = 64 * 1024  # bytes; the contract's limit

# Seconds without one more byte in the middle of a frame. When sending, the connection is then
# dead. When receiving, the library resumes the frame, and `Keepalive` decides.
STALL_TIMEOUT = 10.0

_CLOSE_SESSION_ENDED, _CLOSE_BUSY = 1008, 1013
_CLOSE_NORMAL = (1000).to_bytes(2, "big")


class WebSocketClient:
    """One connection. One thread receives; any thread may send.

    Raises:
        ConnectionLostError: The connection was not made.
        Failed: The session has ended, or the server does not speak the protocol.
    """

    def __init__(self, url: str, token: str) -> None:
        self._websocket = connect(url, token)
        self._websocket.settimeout(STALL_TIMEOUT)
        self._keepalive = Keepalive()

    def receive(self, is_due: Callable[[], bool]) -> Any:
        """Return the next frame's JSON value. ``is_due``: whether the client expects a frame.

        Raises:
            ConnectionLostError: The connection was closed or is silent, or the frame is not JSON.
            Failed: The session has ended.
        """
        try:
            while True:
                self._check(is_due())
                opcode, data = self._read_frame()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    break
                if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
                    return json.loads(data)
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise ConnectionLostError from error
        code = int.from_bytes(data[:2], "big")
        if code == _CLOSE_SESSION_ENDED:
            raise Failed(SESSION_ENDED)
        busy = "The chat is too busy for this connection."
        raise ConnectionLostError(busy if code == _CLOSE_BUSY else "")

    def _check(self, due: bool) -> None:
        verdict = self._keepalive.check(due=due)
        if verdict is Verdict.PING:
            self.send({"type": "ping"})
        elif verdict is Verdict.DEAD:
            self._websocket.abort()
            raise ConnectionSilentError

    def _read_frame(self) -> tuple[int | None, bytes]:
        """Return the next frame's opcode and data; None as opcode if no frame is complete yet."""
        sock = self._websocket.sock
        if sock is None:
            raise ConnectionLostError
        # `select` does not see bytes that TLS has decrypted already.
        decrypted = isinstance(sock, ssl.SSLSocket) and sock.pending()
        if not decrypted and not select.select([sock], [], [], CHECK_INTERVAL)[0]:
            return None, b""
        self._keepalive.received()
        try:
            opcode, data = self._websocket.recv_data(control_frame=True)
        except websocket.WebSocketTimeoutException:
            return None, b""  # no byte for STALL_TIMEOUT in the middle of a frame
        return opcode, data

    def send(self, frame: dict[str, Any]) -> None:
        """Send a frame. If that fails, `receive` raises ConnectionLostError."""
        try:
            self._websocket.send(encode(frame))
        except (OSError, websocket.WebSocketException):
            self._websocket.abort()

    def disconnect(self) -> None:
        """Send a close frame if possible, and make `receive` raise ConnectionLostError."""
        with suppress(OSError, websocket.WebSocketException):
            # The library's `close` would wait for an answer.
            self._websocket.send(_CLOSE_NORMAL, websocket.ABNF.OPCODE_CLOSE)
        self._websocket.abort()

    def close(self) -> None:
        """Disconnect, and free the socket. Only the thread that receives may call this."""
        self.disconnect()
        self._websocket.shutdown()


def encode(frame: dict[str, Any]) -> str:
    """Return a frame as JSON text."""
    return json.dumps(frame, ensure_ascii=False)
