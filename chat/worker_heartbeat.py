"""Whether any worker runs: workers write a heartbeat, web processes read it.

All workers set the same key. It expires a day after the last heartbeat, so the key's remaining
lifetime gives the heartbeat's age by the clock of Redis. Clocks of other machines do not matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import redis

from chat.redis_client import translated_errors

KEY = "chat:worker_seen"  # string: the name of the worker that set it last
_EXPIRY = 24 * 3600.0  # seconds

HEARTBEAT_INTERVAL = 5.0  # seconds
# Two heartbeats may fail, and the third one be late, before workers count as absent.
ABSENT_AFTER = 15.0  # seconds


def write_heartbeat(client: redis.Redis, name: str) -> None:
    """Write the heartbeat of the worker ``name``.

    Raises:
        RedisUnavailable, Internal: Redis cannot be used.
    """
    with translated_errors():
        client.set(KEY, name, px=int(_EXPIRY * 1000))


def heartbeat_age(client: redis.Redis) -> float | None:
    """Return the age of the last heartbeat in seconds; None if there was none for a day.

    Raises:
        RedisUnavailable, Internal: Redis cannot be used.
    """
    with translated_errors():
        left = client.pttl(KEY)  # milliseconds; negative if there is no such key
    return max(0.0, _EXPIRY - left / 1000) if left >= 0 else None


class Absence:
    """Decides from the heartbeats that one process reads whether all workers are absent.

    No worker can write a heartbeat while Redis is away. So an old heartbeat proves nothing until
    this process could read Redis for `ABSENT_AFTER` without a failure.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read_since: float | None = None  # None: not read yet, or the last read failed

    def read(self, age: float | None) -> bool | None:
        """Record the heartbeat's age. Returns whether all workers are absent, None if unknown."""
        now = self._clock()
        if self._read_since is None:
            self._read_since = now
        if age is not None and age < ABSENT_AFTER:
            return False
        return True if now - self._read_since >= ABSENT_AFTER else None

    def unreadable(self) -> None:
        """Record that Redis could not be read."""
        self._read_since = None
