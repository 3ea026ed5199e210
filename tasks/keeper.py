"""Keeps this worker's turns alive while their models are silent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chat.errors import ChatError
from chat.mailbox import Mailbox
from chat.outage import Outage
from tasks.turn import FLUSH_EVERY, Lost, Turn

log = logging.getLogger(__name__)

# Several may fail before a lease is over. It is also how long a stopped reply's model may talk on.
RENEW_EVERY = 0.4  # seconds


class Keeper:
    """One thread a worker: flushes late deltas, renews leases, hands turns over at the end."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._turns: set[Turn] = set()
        self._lock = threading.Lock()
        self._handing_over = threading.Event()

    @contextmanager
    def keeping(self, turn: Turn) -> Iterator[None]:
        """Keep a turn while the block runs."""
        with self._lock:
            self._turns.add(turn)
        try:
            yield
        finally:
            with self._lock:
                self._turns.discard(turn)

    @property
    def handing_over(self) -> bool:
        """Whether this worker is ending and takes no more turns."""
        return self._handing_over.is_set()

    def hand_over(self) -> None:
        """Leave all turns to other workers, now and from now on. Safe in a signal handler."""
        self._handing_over.set()

    def run(self) -> None:
        """Keep the turns, for ever."""
        renew_at = 0.0
        outage = Outage(log, "replies are interrupted")
        while True:
            time.sleep(FLUSH_EVERY)
            with self._lock:
                turns = list(self._turns)
            if self.handing_over:
                for turn in turns:
                    turn.hand_over()
            try:
                self._flush(turns)
                if time.monotonic() >= renew_at:
                    self._renew(turns)
                    renew_at = time.monotonic() + RENEW_EVERY
            except ChatError as error:
                time.sleep(outage.failed(error))
            else:
                if turns:  # without any, Redis was not asked
                    outage.worked()

    def _flush(self, turns: list[Turn]) -> None:
        for turn in turns:
            if turn.due():
                try:
                    turn.flush()
                except Lost:
                    log.info("a reply was stopped, erased or taken over")

    def _renew(self, turns: list[Turn]) -> None:
        holders = [(turn.claim.token, turn.claim.holder) for turn in turns]
        for turn, ours in zip(turns, self._mailbox.renew(holders), strict=True):
            if ours:
                turn.kept()
            else:
                turn.lose()
