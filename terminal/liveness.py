"""Whether a connection still lives: when to ping, and when to drop it."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

# Seconds. LOOK_EVERY is less than UNSEEN, and UNSEEN is less than PONG_WITHIN.
LOOK_EVERY = 1.0
UNSEEN = 3.0
PONG_WITHIN = 5.0
PING_AFTER_DUE = 10.0  # without a frame, while an answer is due
PING_AFTER_IDLE = 25.0

# A clock that goes on while the machine sleeps. `time.monotonic` stands still then on Linux and
# macOS; macOS counts sleep in CLOCK_MONOTONIC (clock_gettime(3)), which is another clock there.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def awake_or_not() -> float:
    """Return the seconds of a clock that counts the time that the machine sleeps."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class Verdict(Enum):
    FINE = "nothing to do"
    PING = "send a ping now"
    DEAD = "nothing came within PONG_WITHIN of the ping"


class Liveness:
    """The rule for one connection. Whoever reads from it calls `check` every LOOK_EVERY seconds.

    ``clock`` returns seconds and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = awake_or_not) -> None:
        self._clock = clock
        self._heard_at = self._checked_at = clock()
        self._pinged_at: float | None = None

    def heard(self) -> None:
        """Note that something came from the server, whatever it is."""
        self._heard_at = self._clock()
        self._pinged_at = None

    def check(self, *, due: bool) -> Verdict:
        """Return what to do now. ``due``: the person waits for something from the server."""
        now = self._clock()
        unseen, self._checked_at = now - self._checked_at, now
        if unseen > UNSEEN:
            # The machine slept, the process was stopped, or the reader was held up. Nobody looked
            # meanwhile, so that the silence says nothing: ask, and judge from now on.
            return self._ping(now)
        if self._pinged_at is not None:
            return Verdict.DEAD if now - self._pinged_at >= PONG_WITHIN else Verdict.FINE
        if now - self._heard_at >= (PING_AFTER_DUE if due else PING_AFTER_IDLE):
            return self._ping(now)
        return Verdict.FINE

    def _ping(self, now: float) -> Verdict:
        self._pinged_at = now
        return Verdict.PING
