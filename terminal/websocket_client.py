"""The wire of ``chat.events.v1``: frames in and out until it is cut."""

from __future__ import annotations

import json
import select
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import websocket

from terminal.errors import Failed
from terminal.liveness import LOOK_EVERY, Liveness, Verdict
from terminal.session import is_alive

EVENTS = "chat.events.v1"
LARGEST_FRAME = 64 * 1024  # bytes, the contract's bound

CONNECT_WITHIN = 10.0  # seconds
# Seconds without one byte more, in the middle of a frame that is sent or read. A timeout while
# reading is no end: the library goes on with the frame, and `Liveness` judges the silence.
STALLED = 10.0

_EXPIRED, _TOO_BUSY = 1008, 1013
_GOOD_BYE = (1000).to_bytes(2, "big")
_GONE = "This chat has expired or was erased."


class LostError(Exception):
    """The connection is gone, or did not come about; the message is a sentence, or nothing."""


class SilentError(LostError):
    """Nothing has come for so long that the connection is taken for dead."""


class Link:
    """One WebSocket. One thread receives; any may send.

    Raises:
        LostError: It did not come about.
        Failed: The session has ended, or the server speaks otherwise.
    """

    def __init__(self, url: str, token: str) -> None:
        try:
            self._socket = websocket.create_connection(
                "ws" + url.removeprefix("http") + "/chat",
                timeout=CONNECT_WITHIN,
                subprotocols=[EVENTS, f"bearer.{token}"],
                suppress_origin=True,  # this is no browser
                redirect_limit=0,  # the token is for this server alone
            )
        except websocket.WebSocketBadStatusException as error:
            raise LostError(_why_refused(url, token, error.status_code)) from error
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise LostError from error
        if self._socket.subprotocol != EVENTS:
            self._socket.shutdown()
            raise Failed(f"The server does not speak {EVENTS}.")
        self._socket.settimeout(STALLED)
        self._liveness = Liveness()

    def receive(self, is_due: Callable[[], bool]) -> Any:
        """Return what the next frame holds. ``is_due`` tells whether an answer is waited for.

        Raises:
            LostError: The connection was cut, went silent, or this is no frame of the contract.
            Failed: The session has ended.
        """
        try:
            while True:
                self._check(is_due())
                opcode, data = self._read()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    break
                if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
                    return json.loads(data)
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise LostError from error
        code = int.from_bytes(data[:2], "big")
        if code == _EXPIRED:
            raise Failed(_GONE)
        raise LostError("The chat is too busy for this connection." if code == _TOO_BUSY else "")

    def _check(self, due: bool) -> None:
        verdict = self._liveness.check(due=due)
        if verdict is Verdict.PING:
            self.send({"type": "ping"})
        elif verdict is Verdict.DEAD:
            self._socket.abort()
            raise SilentError

    def _read(self) -> tuple[int | None, bytes]:
        """Return the next frame's opcode and data; None if it is not whole soon."""
        wire = self._socket.sock
        if wire is None:
            raise LostError
        # TLS may hold decrypted bytes that `select` does not see.
        held = isinstance(wire, ssl.SSLSocket) and wire.pending()
        if not held and not select.select([wire], [], [], LOOK_EVERY)[0]:
            return None, b""
        self._liveness.heard()
        try:
            opcode, data = self._socket.recv_data(control_frame=True)
        except websocket.WebSocketTimeoutException:
            return None, b""  # it stands still in the middle of a frame
        return opcode, data

    def send(self, frame: dict[str, Any]) -> None:
        """Send a frame, or have `receive` find out that this link is dead."""
        try:
            self._socket.send(encode(frame))
        except (OSError, websocket.WebSocketException):
            self._socket.abort()

    def hang_up(self) -> None:
        """Say good-bye as far as that is possible, and wake who receives."""
        with suppress(OSError, websocket.WebSocketException):
            # `close` of the library would wait for an answer.
            self._socket.send(_GOOD_BYE, websocket.ABNF.OPCODE_CLOSE)
        self._socket.abort()

    def close(self) -> None:
        """Hang up, and give the socket back; only for the thread that receives."""
        self.hang_up()
        self._socket.shutdown()


def _why_refused(url: str, token: str, status: int) -> str:
    """Return why a handshake got an HTTP status other than 101.

    Raises:
        Failed: The session has ended.
    """
    if status == 403:
        if not _lives(url, token):
            raise Failed(_GONE)
        return "The chat refuses this connection (HTTP 403)."
    if status == 429:
        return "The chat has too many connections from here (HTTP 429)."
    if status >= 500:
        return f"The chat takes no connection right now (HTTP {status})."
    return f"The chat cannot be reached by WebSocket (HTTP {status}); a proxy may be in the way."


def _lives(url: str, token: str) -> bool:
    """Tell whether a session lives, or whether that cannot be known for now."""
    try:
        return is_alive(url, token)
    except Failed:
        return True


def encode(frame: dict[str, Any]) -> str:
    """Return a frame as it goes over the wire."""
    return json.dumps(frame, ensure_ascii=False)
