"""What a person reads who has waited for a while without a word."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from terminal.snapshot import View

AFTER = 5.0  # seconds without anything new


class Patience:
    """How long nothing new has been printed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.renew()

    def renew(self) -> None:
        """Note that something new was printed."""
        self._since = self._clock()

    @property
    def over(self) -> bool:
        """Whether nothing new was printed for AFTER seconds."""
        return self._clock() - self._since >= AFTER


def still_waiting(view: View) -> str:
    """Return what is waited for, where the server has given no reason; '' for nothing."""
    turn = view.conversation.unanswered()
    if view.state == "lost":
        return ""  # that was said
    if not view.known:
        return "Still connecting."
    if turn:
        return "" if turn.reply and turn.reply.msg else "The reply has not begun yet."
    return "The chat has not taken the message yet." if view.waiting else ""


@contextmanager
def told_if_slow(text: str) -> Iterator[None]:
    """Print a text on standard error if this takes AFTER seconds."""
    timer = threading.Timer(AFTER, click.echo, [text], {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
