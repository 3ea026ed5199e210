"""The recent result of a check that may hang, so that nobody can make it run often."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class RecentResult(Generic[_Result]):
    """Runs a check in a thread, one at a time, and keeps its result for a while.

    However many ask, the check runs at most once in ``max_age`` seconds, and nobody waits for
    longer than ``timeout`` seconds, even while the check hangs.
    """

    def __init__(self, check: Callable[[], _Result], *, max_age: float, timeout: float) -> None:
        self._check = check
        self._max_age = max_age
        self._timeout = timeout
        self._changed = threading.Condition()
        self._running = False
        self._result: _Result | None = None
        self._checked_at = -max_age

    def get(self) -> _Result | None:
        """Return a result that is at most ``max_age`` seconds old; None if there is none in time.

        None also stands for a check that has raised, which is logged.
        """
        with self._changed:
            if self._fresh():
                return self._result
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="check", daemon=True).start()
            self._changed.wait_for(lambda: not self._running, self._timeout)
            return self._result if self._fresh() else None

    def _fresh(self) -> bool:
        return time.monotonic() - self._checked_at < self._max_age

    def _run(self) -> None:
        result = None
        try:
            result = self._check()
        except Exception:
            log.exception("a check has failed")
        with self._changed:
            self._result = result
            self._checked_at = time.monotonic()
            self._running = False
            self._changed.notify_all()
