"""The clock of a process's WebSockets: one thread for all of them."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from chat.background import start_background_thread

# Fine enough for waits of whole seconds; looking at 10,000 sockets takes some 2 ms.
TICK = 0.25  # seconds


class Beating(Protocol):
    """What has something to do at a time, in seconds of the monotonic clock."""

    @property
    def due(self) -> float: ...

    def beat(self, now: float) -> None: ...


class Keepalive:
    """Calls each of those that it watches once they are due. Any thread may call it."""

    def __init__(self) -> None:
        self._watched: set[Beating] = set()
        self._runs = False
        self._lock = threading.Lock()

    def watch(self, one: Beating) -> None:
        """Have ``one`` beat until it is left; the first one starts the clock's thread."""
        with self._lock:
            self._watched.add(one)
            if not self._runs:
                self._runs = True
                start_background_thread("pulse", self._run)

    def leave(self, one: Beating) -> None:
        """Let ``one`` alone."""
        with self._lock:
            self._watched.discard(one)

    def _run(self) -> None:
        while True:
            time.sleep(TICK)
            with self._lock:
                watched = list(self._watched)
            now = time.monotonic()
            for one in watched:
                if one.due <= now:
                    one.beat(now)
