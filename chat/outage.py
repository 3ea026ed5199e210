"""What a loop does while something that it needs refuses: log it once, and back off."""

from __future__ import annotations

import logging
import random
import threading
import time

from chat.redis_client import cause

LONGEST_PAUSE = 1.0  # seconds; a loop works again within this time of the cure
# A success that follows a failure sooner than this may be one of the commands that still work, so
# it does not end the outage. More than the longest pause.
SETTLED_AFTER = 1.5  # seconds
_SHORTEST_PAUSE = 0.05  # seconds
_MOST_CAUSES = 5  # lines that one outage may log at its begin


class Outage:
    """The state of one loop's dependency. Any thread may call it."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        """Log to ``log``; ``what`` says in a few words what does not work during an outage."""
        self._log = log
        self._what = what
        self._lock = threading.Lock()
        self._since: float | None = None
        self._failed_at = 0.0
        self._failures = 0
        self._causes: set[str] = set()

    def failed(self, error: BaseException) -> float:
        """Note a failure; return how long to wait before the next try, in seconds.

        Each cause is logged once in an outage: a lost connection may be followed by its reason.
        """
        text = cause(error)
        with self._lock:
            now = self._failed_at = time.monotonic()
            self._since = self._since or now
            self._failures += 1
            kind = " ".join(text.rpartition("out of reach: ")[2].split()[:3])
            new = kind not in self._causes and len(self._causes) < _MOST_CAUSES
            if new:
                self._causes.add(kind)
            pause = min(LONGEST_PAUSE, _SHORTEST_PAUSE * 2.0 ** min(self._failures, 10))
        if new:
            self._log.warning("%s: %s", self._what, text)
        return pause * random.uniform(0.5, 1)

    def worked(self) -> None:
        """Note a success; the first one that lasts ends the outage."""
        if self._since is None:
            return
        with self._lock:
            now = time.monotonic()
            if self._since is None or now - self._failed_at < SETTLED_AFTER:
                return
            lasted = self._failed_at - self._since
            self._since, self._failures = None, 0
            self._causes.clear()
        self._log.warning("%s: over, it lasted %.1f s", self._what, lasted)
