"""How long one client's data is handled before other clients are served."""

from __future__ import annotations

import time

_DURATION = 0.002  # seconds
# Not 0: gevent may resume a greenlet that sleeps for 0 s before it looks at other sockets
# (docs/decisions/0003-a-request-is-read-whole.md).
_PAUSE = 0.0001  # seconds


class TimeSlice:
    """The time since one client's greenlet or thread last let others run."""

    __slots__ = ("_began",)

    def __init__(self) -> None:
        self._began = time.monotonic()

    def yield_if_over(self) -> None:
        """Pause if the slice is over, so that no client blocks the others of its process."""
        if time.monotonic() - self._began > _DURATION:
            time.sleep(_PAUSE)
            self._began = time.monotonic()

    def waited_since(self, began: float) -> None:
        """Begin a new slice if the wait for data was long enough for others to run."""
        now = time.monotonic()
        if now - began > _DURATION:
            self._began = now
