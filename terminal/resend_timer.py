"""The pause after the server has refused a message for now. The client sends no message in it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from terminal.backoff import resend_delay
from terminal.snapshot import Postponed


class ResendTimer:
    """A timer that starts after `busy` or `rate_limited`. Not thread-safe: callers share a lock.

    ``on_expiry`` is called in a thread of its own, without the lock, and calls `expired` first.
    """

    def __init__(self, on_expiry: Callable[[], None]) -> None:
        self._on_expiry = on_expiry
        self._timer: threading.Timer | None = None
        self._expires_at = 0.0  # `time.monotonic()`
        self._refusals = 0  # in a row
        self.postponed: Postponed | None = None  # what a person reads about the pause

    @property
    def running(self) -> bool:
        return self._timer is not None

    def start(self, code: str, retry_after: object) -> None:
        """Begin a pause, or begin it again, after a refusal.

        ``code`` and ``retry_after`` are fields of the server's `error` frame.
        """
        self.cancel()
        self._refusals += 1
        seconds = resend_delay(self._refusals, retry_after)
        self._expires_at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._on_expiry)
        self._timer.daemon = True
        self._timer.start()
        if self.postponed is None or self.postponed.code != code:  # one notice for all refusals
            self.postponed = Postponed(code, math.ceil(seconds))

    def refresh_postponed(self) -> None:
        """Update `postponed` for a message that the person sends during the pause."""
        if self.postponed and self.running:
            left = math.ceil(self._expires_at - time.monotonic())
            self.postponed = replace(self.postponed, seconds=max(1, left))
        else:
            self.postponed = None

    def expired(self) -> None:
        """Note that the pause is over. The next refusal counts as one more in a row."""
        self._timer = None

    def reset(self) -> None:
        """End the pause: the server has accepted a request, or has refused it for good."""
        self.cancel()
        self._refusals = 0
        self.postponed = None

    def cancel(self) -> None:
        """Stop the timer."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
