"""Silences: for how long nothing new was printed, and a notice while a request takes long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

NOTICE_AFTER = 5.0  # seconds without anything new


class SilenceTimer:
    """Measures how long nothing new has been printed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Note that something new was printed."""
        self._since = self._clock()

    @property
    def expired(self) -> bool:
        """Whether nothing new was printed for NOTICE_AFTER seconds."""
        return self._clock() - self._since >= NOTICE_AFTER


@contextmanager
def notice_if_slow(text: str) -> Iterator[None]:
    """Print a text on standard error if the body takes longer than NOTICE_AFTER seconds."""
    timer = threading.Timer(NOTICE_AFTER, click.echo, [text], {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
