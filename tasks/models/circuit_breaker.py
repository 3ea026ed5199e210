"""The circuit breaker of a model, in Redis: one for all workers.

After `MAX_FAILURES` failures in a row the circuit is open: the model is not asked for
`OPEN_DURATION`. Then it is half-open: one request at a time, the probe, is let through. A failed
probe opens the circuit again, and the first success closes it.

A lost key or a lost race costs one request too many or too few, so no step needs to be atomic.
While Redis is away, the circuit is closed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import redis

from chat.errors import ChatError
from chat.redis_client import translated_errors

log = logging.getLogger(__name__)

MAX_FAILURES = 5
OPEN_DURATION = 30.0  # seconds
# After this time the next probe may begin though the last one has not ended: its worker may have
# died. A probe ends with the first text of its reply.
PROBE_DURATION = 60.0  # seconds
_FAILURES_EXPIRE = 3600.0  # seconds


class Permission(Enum):
    """Whether the model may be asked."""

    CLOSED = "closed"  # it may
    PROBE = "probe"  # it may, and the others wait for the result
    OPEN = "open"  # it may not


class CircuitBreaker:
    """Counts the failures of one model. Any thread of any worker may use it."""

    def __init__(self, client: redis.Redis, model: str) -> None:
        """``model`` identifies the model. It may hold a key, so only a hash of it is stored."""
        self._client = client
        key = f"chat:model:{hashlib.sha256(model.encode()).hexdigest()[:16]}"
        self._failures = f"{key}:failures"  # string: how many in a row
        self._open = f"{key}:open"  # exists while the circuit is open
        self._probe = f"{key}:probe"  # exists while there is a probe

    def ask(self) -> Permission:
        """Return whether the model may be asked. A probe has to be reported, however it ends."""
        with self._unless_redis_is_away():
            failures, is_open = self._client.mget(self._failures, self._open)
            if int(failures or 0) < MAX_FAILURES:
                return Permission.CLOSED
            if is_open or not self._client.set(self._probe, 1, nx=True, px=_ms(PROBE_DURATION)):
                return Permission.OPEN
            return Permission.PROBE
        return Permission.CLOSED

    def failed(self) -> None:
        """Report that the model could not answer."""
        with self._unless_redis_is_away():
            failures = int(self._client.incr(self._failures))
            self._client.pexpire(self._failures, _ms(_FAILURES_EXPIRE))
            if failures < MAX_FAILURES:
                return
            if self._client.set(self._open, 1, nx=True, px=_ms(OPEN_DURATION)):
                log.warning("the model is not asked for %.0f s: it has failed", OPEN_DURATION)
            self._client.delete(self._probe)

    def succeeded(self) -> None:
        """Report that the model has answered. It closes the circuit."""
        with self._unless_redis_is_away():
            if self._client.delete(self._failures, self._open, self._probe) > 1:
                log.warning("the model answers again")

    def abandoned(self) -> None:
        """Report that a probe was cancelled, so that nothing is known of the model."""
        with self._unless_redis_is_away():
            self._client.delete(self._probe)

    @contextmanager
    def _unless_redis_is_away(self) -> Iterator[None]:
        try:
            with translated_errors():
                yield
        except ChatError as error:
            log.debug("the circuit breaker is not used: %s", error)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
