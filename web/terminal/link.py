"""The wire of ``chat.events.v1``: frames in and out until it is cut."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import websocket

from web.terminal.errors import Failed

EVENTS = "chat.events.v1"
LARGEST_FRAME = 64 * 1024  # bytes, the contract's bound

CONNECT_WITHIN = 10.0  # seconds
SILENCE = 60.0  # seconds; the server pings every 25, so that a longer one is a dead connection

_EXPIRED = 1008
_GOOD_BYE = (1000).to_bytes(2, "big")
_GONE = "This chat has expired or was erased."


class LostError(Exception):
    """The connection is gone, or did not come about."""


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
            if error.status_code == 403:
                raise Failed(_GONE) from None
            raise LostError from error
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise LostError from error
        if self._socket.subprotocol != EVENTS:
            self._socket.shutdown()
            raise Failed(f"The server does not speak {EVENTS}.")
        self._socket.settimeout(SILENCE)

    def receive(self) -> Any:
        """Return what the next frame holds.

        Raises:
            LostError: The connection was cut, or this is no frame of the contract.
            Failed: The session has ended.
        """
        try:
            opcode, data = self._socket.recv_data()
            if opcode != websocket.ABNF.OPCODE_CLOSE:
                return json.loads(data)
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise LostError from error
        if int.from_bytes(data[:2], "big") == _EXPIRED:
            raise Failed(_GONE)
        raise LostError

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


def encode(frame: dict[str, Any]) -> str:
    """Return a frame as it goes over the wire."""
    return json.dumps(frame, ensure_ascii=False)
