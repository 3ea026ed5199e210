"""Whether a connection is still alive: when to send a ping, and when to close the connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

# Seconds. CHECK_INTERVAL < MAX_CHECK_GAP < PONG_TIMEOUT.
CHECK_INTERVAL = 1.0
MAX_CHECK_GAP = 3.0  # after a longer gap between two checks, the machine or the process slept
PONG_TIMEOUT = 5.0
PING_AFTER_EXPECTED = 10.0  # without a frame, while the client expects one
PING_AFTER_IDLE = 25.0  # without a frame, while it expects none

# A clock that also runs while the machine sleeps. On Linux and macOS, `time.monotonic` does not. On
# macOS, CLOCK_MONOTONIC does (clock_gettime(3)); it is not the clock of `time.monotonic` there.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def boot_time() -> float:
    """Return the seconds of a monotonic clock that also runs while the machine sleeps."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class Verdict(Enum):
    FINE = "nothing to do"
    PING = "send a ping now"
    DEAD = "nothing came within PONG_TIMEOUT of the ping"


class Keepalive:
    """The ping rule for one connection. Its reader calls `check` every CHECK_INTERVAL seconds.

    ``clock`` returns seconds and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = boot_time) -> None:
        self._clock = clock
        self._received_at = self._checked_at = clock()
        self._pinged_at: float | None = None

    def received(self) -> None:
        """Note that the server has sent something, of whatever kind."""
        self._received_at = self._clock()
        self._pinged_at = None

    def check(self, *, due: bool) -> Verdict:
        """Return what to do now. ``due``: the client expects something from the server."""
        now = self._clock()
        gap, self._checked_at = now - self._checked_at, now
        if gap > MAX_CHECK_GAP:
            # The machine slept, or the process was stopped. Nothing was read meanwhile, so the
            # silence proves nothing: send a ping, and count from now on.
            return self._ping(now)
        if self._pinged_at is not None:
            return Verdict.DEAD if now - self._pinged_at >= PONG_TIMEOUT else Verdict.FINE
        if now - self._received_at >= (PING_AFTER_EXPECTED if due else PING_AFTER_IDLE):
            return self._ping(now)
        return Verdict.FINE

    def _ping(self, now: float) -> Verdict:
        self._pinged_at = now
        return Verdict.PING
