"""The WebSocket handshake, and what its refusal means."""

from __future__ import annotations

import websocket

from terminal.errors import ConnectionLostError, Failed
from terminal.http_client import is_alive

SUBPROTOCOL = "chat.events.v1"
SESSION_ENDED = "This chat has expired or was erased."
CONNECT_TIMEOUT = 10.0  # seconds


def connect(url: str, token: str) -> websocket.WebSocket:
    """Open a WebSocket to the chat at ``url``.

    Raises:
        ConnectionLostError: The connection was not made.
        Failed: The session has ended, or the server does not speak the protocol.
    """
    try:
        connection = websocket.create_connection(
            "ws" + url.removeprefix("http") + "/chat",
            timeout=CONNECT_TIMEOUT,
            subprotocols=[SUBPROTOCOL, f"bearer.{token}"],
            suppress_origin=True,  # only browsers send an Origin
            redirect_limit=0,  # only this server may see the token
        )
    except websocket.WebSocketBadStatusException as error:
        raise ConnectionLostError(_why_refused(url, token, error.status_code)) from error
    except (OSError, ValueError, websocket.WebSocketException) as error:
        raise ConnectionLostError from error
    if connection.subprotocol != SUBPROTOCOL:
        connection.shutdown()
        raise Failed(f"The server does not speak {SUBPROTOCOL}.")
    return connection


def _why_refused(url: str, token: str, status: int) -> str:
    """Return a sentence for the HTTP status with which the server refused a handshake.

    Raises:
        Failed: The session has ended.
    """
    if status == 403:
        if not _may_be_alive(url, token):
            raise Failed(SESSION_ENDED)
        return "The chat refuses this connection (HTTP 403)."
    if status == 429:
        return "There are too many connections to the chat from here (HTTP 429)."
    if status >= 500:
        return f"The chat accepts no connection right now (HTTP {status})."
    return f"The chat cannot be reached by WebSocket (HTTP {status}); a proxy may be in the way."


def _may_be_alive(url: str, token: str) -> bool:
    """Whether a session exists; True as well if the server does not answer the question."""
    try:
        return is_alive(url, token)
    except Failed:
        return True
