"""Limits the log lines that any client can cause."""

from __future__ import annotations

import logging
import threading
import time

INTERVAL = 60.0  # seconds
# Different lines in one interval. Further ones are dropped.
MAX_LINES = 20


class LogThrottle(logging.Filter):
    """Passes each line once per `INTERVAL`. Any thread may log."""

    def __init__(self) -> None:
        super().__init__()
        self._logged_at: dict[str, float] = {}  # by line
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        line, now = record.getMessage(), time.monotonic()
        with self._lock:
            recent = {text: at for text, at in self._logged_at.items() if now - at < INTERVAL}
            self._logged_at = recent
            if line in recent or len(recent) >= MAX_LINES:
                return False
            recent[line] = now
            return True
