"""Keeps the leases of this worker's generations while their models are silent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chat.errors import ChatError
from chat.mailbox import Mailbox
from chat.outage import Outage
from chat.timing import FLUSH_INTERVAL, RENEWAL_INTERVAL
from tasks.generation import Generation, LeaseLost

log = logging.getLogger(__name__)


class LeaseRenewer:
    """One thread of a worker: renews leases, flushes late deltas, and drains the worker."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._generations: set[Generation] = set()
        self._lock = threading.Lock()
        self._draining = threading.Event()

    @contextmanager
    def renewing(self, generation: Generation) -> Iterator[None]:
        """Renew the lease of a generation while the block runs."""
        with self._lock:
            self._generations.add(generation)
        try:
            yield
        finally:
            with self._lock:
                self._generations.discard(generation)

    @property
    def draining(self) -> bool:
        """Whether this worker shuts down and claims no more messages."""
        return self._draining.is_set()

    def drain(self) -> None:
        """Leave all generations to other workers. Safe in a signal handler."""
        self._draining.set()

    def run(self) -> None:
        """Serve the generations forever."""
        renew_at = 0.0
        outage = Outage(log, "replies are interrupted")
        while True:
            time.sleep(FLUSH_INTERVAL)
            with self._lock:
                generations = list(self._generations)
            if self.draining:
                for generation in generations:
                    generation.abort_for_shutdown()
            try:
                self.flush(generations)
                if time.monotonic() >= renew_at:
                    self.renew(generations)
                    renew_at = time.monotonic() + RENEWAL_INTERVAL
            except ChatError as error:
                time.sleep(outage.failed(error))
            else:
                if generations:  # otherwise Redis was not asked
                    outage.worked()

    def flush(self, generations: list[Generation]) -> None:
        """Send the text that has waited for long enough."""
        for generation in generations:
            if generation.needs_flush():
                with suppress(LeaseLost):  # the task's thread learns it from the cancelled call
                    generation.flush()

    def renew(self, generations: list[Generation]) -> None:
        """Renew all leases in one round trip, and abort the generations that have lost theirs."""
        leases = [(generation.claim.token, generation.claim.lease_id) for generation in generations]
        for generation, owned in zip(generations, self._mailbox.renew(leases), strict=True):
            if owned:
                generation.lease_confirmed()
            else:
                generation.abort_lease_lost()
