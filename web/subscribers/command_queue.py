"""What one client asked for and is still to be done, in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

# So many steps of one socket may wait. Beyond that its frames stay unread, so that a client that
# floods is slowed down by TCP and holds no memory here.
MAX_QUEUED = 8

Step = Callable[[], None]


class CommandQueue:
    """Does steps one after another in a thread of its own, so that the socket goes on being read.

    The thread lives until nothing waits: an idle client costs none. A step must not raise.
    """

    def __init__(self) -> None:
        self._waiting: deque[Step] = deque()
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None

    def put(self, step: Step) -> None:
        """Have a step done after those that wait; block while too many do."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < MAX_QUEUED)
            self._waiting.append(step)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="inbox", daemon=True)
                self._worker.start()

    def drop(self) -> None:
        """Drop what waits; the step in hand goes on."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until nothing waits any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._worker is None)

    def _work(self) -> None:
        while step := self._next():
            step()

    def _next(self) -> Step | None:
        with self._changed:
            step = self._waiting.popleft() if self._waiting else None
            if step is None:
                self._worker = None
            self._changed.notify_all()
            return step
