"""Whether a worker is there: the heartbeat that workers write and web processes read.

All workers renew one key. It expires a day after the last heartbeat, so its remaining lifetime
tells how long ago that was by Redis' own clock: the clocks of other machines do not matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import redis

from chat.redis_client import translated_errors

KEY = "chat:worker_seen"  # string: the worker that renewed it last
_KEPT = 24 * 3600.0  # seconds; after that a worker counts as never seen

BEAT_EVERY = 5.0  # seconds
# Two heartbeats may fail, and the third be late, before people are told that no worker is there.
ABSENT_AFTER = 15.0  # seconds


def beat(client: redis.Redis, name: str) -> None:
    """Note that the worker ``name`` consumes.

    Raises:
        Busy, Internal: Redis is out of reach, or refuses.
    """
    with translated_errors():
        client.set(KEY, name, px=int(_KEPT * 1000))


def last_seen(client: redis.Redis) -> float | None:
    """Return how many seconds ago a worker was seen, None if never or more than a day ago.

    Raises:
        Busy, Internal: Redis is out of reach, or refuses.
    """
    with translated_errors():
        left = client.pttl(KEY)  # milliseconds; negative if there is no such key
    return max(0.0, _KEPT - left / 1000) if left >= 0 else None


class Absence:
    """Decides whether workers are absent from what one process has seen in Redis.

    While Redis is away no worker can write a heartbeat, so an old one proves nothing until this
    process has been able to read Redis for `ABSENT_AFTER` without a break.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read_since: float | None = None  # None: the last try to read Redis failed

    def read(self, age: float | None) -> bool | None:
        """Take what `last_seen` returned; return whether workers are absent, None if unknown."""
        now = self._clock()
        if self._read_since is None:
            self._read_since = now
        if age is not None and age < ABSENT_AFTER:
            return False
        return True if now - self._read_since >= ABSENT_AFTER else None

    def unreadable(self) -> None:
        """Note that Redis could not be read."""
        self._read_since = None
