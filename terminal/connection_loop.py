"""The thread that keeps a session connected: over one WebSocket after another, until it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from terminal.backoff import reconnect_delay
from terminal.errors import ConnectionLostError, ConnectionSilentError, Failed
from terminal.frames import GapError
from terminal.session_state import SessionState
from terminal.websocket_client import WebSocketClient

STABLE_AFTER = 5.0  # seconds of connection after which reconnect delays begin small again


class ConnectionLoop:
    """Connects, applies each frame to ``state``, and reconnects.

    ``on_change`` is called after each change of the state.
    """

    def __init__(
        self, url: str, token: str, state: SessionState, on_change: Callable[[], None]
    ) -> None:
        self._url = url
        self._token = token
        self._state = state
        self._on_change = on_change
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="connection-loop", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Do not connect again. The caller closes the WebSocket."""
        self._closed.set()

    def _run(self) -> None:
        attempts, reason = 0, "The connection has ended."
        try:
            while not self._closed.is_set():
                began = time.monotonic()
                try:
                    self._follow()
                except ConnectionSilentError as error:
                    self._on_lost(str(error))
                    attempts = 0
                    continue  # without a delay: the client has just waited for the server
                except ConnectionLostError as error:
                    self._on_lost(str(error))
                attempts = attempts + 1 if time.monotonic() - began < STABLE_AFTER else 1
                self._closed.wait(reconnect_delay(attempts))
        except Failed as error:
            reason = str(error)
        finally:  # after a bug too, so that nobody waits for a thread that has ended
            self._state.on_end(reason)
            self._on_change()

    def _follow(self) -> None:
        """Connect, and apply frames until the connection is lost.

        Raises:
            ConnectionLostError: The connection or a frame was lost.
            Failed: The session has ended, or the server does not speak the protocol.
        """
        websocket = WebSocketClient(self._url, self._token)
        try:
            while True:
                frame = websocket.receive(lambda: self._state.snapshot().expects_frame)
                try:
                    self._state.on_frame(frame, websocket)
                except (GapError, KeyError, TypeError, ValueError) as error:
                    # A frame is missing, or violates the contract.
                    raise ConnectionLostError from error
                self._on_change()
        finally:
            self._state.on_websocket_close()
            websocket.close()

    def _on_lost(self, reason: str) -> None:
        self._state.on_lost(reason)
        self._on_change()
