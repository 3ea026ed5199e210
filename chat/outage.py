"""Log lines and back-off of a loop while a service that it needs cannot be used."""

from __future__ import annotations

import logging
import random
import threading
import time

from chat.redis_client import cause

LONGEST_PAUSE = 1.0  # seconds between two tries of any loop, at most
# During an outage some commands may still work. So a success ends the outage only this long after
# the last failure. Must be longer than LONGEST_PAUSE.
SETTLED_AFTER = 1.5  # seconds
_SHORTEST_PAUSE = 0.05  # seconds
_MAX_CAUSES = 5  # logged in one outage


class Outage:
    """The state of a service that a loop depends on. Any thread may call it."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        """Log to ``log``; ``what`` names in a few words what does not work during an outage."""
        self._log = log
        self._what = what
        self._lock = threading.Lock()
        self._since: float | None = None
        self._failed_at = 0.0
        self._failures = 0
        self._causes: set[str] = set()

    def failed(self, error: BaseException) -> float:
        """Record a failure. Returns the seconds to wait before the next try.

        Each cause is logged once in an outage. There may be several: first a closed connection,
        then the reason why Redis closed it.
        """
        text = cause(error)
        with self._lock:
            now = self._failed_at = time.monotonic()
            self._since = self._since or now
            self._failures += 1
            kind = " ".join(text.rpartition("out of reach: ")[2].split()[:3])
            new = kind not in self._causes and len(self._causes) < _MAX_CAUSES
            if new:
                self._causes.add(kind)
            pause = min(LONGEST_PAUSE, _SHORTEST_PAUSE * 2.0 ** min(self._failures, 10))
        if new:
            self._log.warning("%s: %s", self._what, text)
        return pause * random.uniform(0.5, 1)

    def worked(self) -> None:
        """Record a success. It ends the outage `SETTLED_AFTER` seconds after the last failure."""
        if self._since is None:
            return
        with self._lock:
            now = time.monotonic()
            if self._since is None or now - self._failed_at < SETTLED_AFTER:
                return
            lasted = self._failed_at - self._since
            self._since, self._failures = None, 0
            self._causes.clear()
        self._log.warning("%s: over after %.1f s", self._what, lasted)
