"""A bound for log lines that any client can cause."""

from __future__ import annotations

import logging
import threading
import time

EVERY = 60.0  # seconds
# So many different lines in that time; those beyond it are left out.
MOST_LINES = 20


class Throttle(logging.Filter):
    """Lets each line through once a minute. Any thread may log."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        line, now = record.getMessage(), time.monotonic()
        with self._lock:
            self._said = {said: at for said, at in self._said.items() if now - at < EVERY}
            if line in self._said or len(self._said) >= MOST_LINES:
                return False
            self._said[line] = now
            return True
