"""The thread that checks the deadlines of all WebSockets of a process: pings and timeouts."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from chat.background import start_background_thread

# Short beside timeouts of whole seconds. To check 10,000 WebSockets takes some 2 ms.
CHECK_INTERVAL = 0.25  # seconds


class HasDeadline(Protocol):
    """Something that has to act at a time, in seconds of the monotonic clock."""

    @property
    def deadline(self) -> float: ...

    def on_deadline(self, now: float) -> None: ...


class DeadlineThread:
    """Calls `on_deadline` of each watched WebSocket whose deadline has passed.

    Any thread may call `watch` and `leave`.
    """

    def __init__(self) -> None:
        self._watched: set[HasDeadline] = set()
        self._started = False
        self._lock = threading.Lock()

    def watch(self, websocket: HasDeadline) -> None:
        """Check a WebSocket's deadline until `leave`. The first one starts the thread."""
        with self._lock:
            self._watched.add(websocket)
            if not self._started:
                self._started = True
                start_background_thread("deadlines", self._run)

    def leave(self, websocket: HasDeadline) -> None:
        """Stop checking a WebSocket."""
        with self._lock:
            self._watched.discard(websocket)

    def _run(self) -> None:
        while True:
            time.sleep(CHECK_INTERVAL)
            with self._lock:
                watched = list(self._watched)
            now = time.monotonic()
            for websocket in watched:
                if websocket.deadline <= now:
                    websocket.on_deadline(now)
