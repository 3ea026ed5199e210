"""The commands of one client that are still to be run, in order."""

from __future__ import annotations

import _thread
import threading
from collections import deque
from collections.abc import Callable

# Queued commands of one WebSocket. Beyond that its frames stay unread, so that TCP slows down a
# client that floods, and its frames take no memory here.
MAX_QUEUED = 8

Command = Callable[[], None]


class CommandQueue:
    """Runs commands one after another in a thread of its own, while the WebSocket is read.

    The thread ends when the queue is empty: an idle client has none. A command must not raise.
    `threading.Thread` would take four times as long to start: it waits until the thread runs.
    """

    def __init__(self) -> None:
        self._queued: deque[Command] = deque()
        self._changed = threading.Condition()
        self._running = False

    def put(self, command: Command) -> None:
        """Queue a command; block while the queue is full."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._queued) < MAX_QUEUED)
            self._queued.append(command)
            if not self._running:
                _thread.start_new_thread(self._run_queued, ())
                self._running = True

    def clear(self) -> None:
        """Drop all queued commands. The one that runs is not interrupted."""
        with self._changed:
            self._queued.clear()
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until all commands have run."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running)

    def _run_queued(self) -> None:
        while command := self._next():
            command()

    def _next(self) -> Command | None:
        with self._changed:
            command = self._queued.popleft() if self._queued else None
            if command is None:
                self._running = False
            self._changed.notify_all()
            return command
