"""Rings for workers."""

from __future__ import annotations

import threading

from chat.loop import start_loop
from tasks.reply import ring

# Sessions whose ring is still to be made. For those beyond it a sweeper rings.
MOST_WAITING = 10_000


class Ringer:
    """One thread a process rings, over one connection; no socket waits for Celery's broker.

    Any thread may call `ring`. A session that waits for its ring is rung for once.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, None] = {}  # a set in the order in which they came
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._runs = False

    def ring(self, token: str) -> None:
        """Have a worker called to a session, soon."""
        with self._lock:
            if len(self._tokens) < MOST_WAITING:
                self._tokens[token] = None
            if not self._runs:  # the process's first ring
                self._runs = True
                start_loop("ringer", self._run)
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while token := self._next():
                ring(token)

    def _next(self) -> str | None:
        with self._lock:
            token = next(iter(self._tokens), None)
            if token:
                del self._tokens[token]
            return token
