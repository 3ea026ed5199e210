"""Writes the text of all generations of this worker, and renews their leases.

A generation only adds text to its buffer. One thread collects the text of all generations and
writes it in one script call. So a token needs no round trip, connection or thread of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from chat import metrics
from chat.errors import Internal, RedisUnavailable
from chat.mailbox import MAX_WRITES, Mailbox, Write
from chat.outage import Outage
from chat.timing import FIRST_WRITE_DELAY, RENEWAL_INTERVAL, WRITE_INTERVAL
from tasks.generation import Generation

log = logging.getLogger(__name__)

_RENEWAL_CHECK = RENEWAL_INTERVAL / 4  # seconds between two looks for leases to renew


class DeltaWriter:
    """One thread of a worker: writes deltas and renews leases, until the worker shuts down."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._lock = threading.Lock()
        self._generations: set[Generation] = set()
        self._with_text: deque[Generation] = deque()
        self._wake = threading.Event()  # set while there is text
        self._written = threading.Condition(self._lock)
        self._writing: set[Generation] = set()  # those in the script call that runs now
        self._shutting_down = threading.Event()

    # In the threads of the generations

    @contextmanager
    def registered(self, generation: Generation) -> Iterator[None]:
        """Write the generation's deltas and renew its lease while the block runs.

        Afterwards no write of it is under way; there may be text that was not written.
        """
        with self._lock:
            self._generations.add(generation)
        try:
            yield
        finally:
            with self._written:
                self._generations.discard(generation)
                self._written.wait_for(lambda: generation not in self._writing)

    def notify(self, generation: Generation) -> None:
        """Note that a generation has text, which it had not before."""
        self._with_text.append(generation)
        if not self._wake.is_set():
            self._wake.set()

    @property
    def running(self) -> int:
        """How many generations run."""
        return len(self._generations)

    @property
    def shutting_down(self) -> bool:
        """Whether this worker shuts down and claims no more messages."""
        return self._shutting_down.is_set()

    def shut_down(self) -> None:
        """Leave all generations to other workers. Safe in a signal handler."""
        self._shutting_down.set()

    # In the writer's own thread

    def run(self) -> None:
        """Write forever."""
        outage = Outage(log, "replies are interrupted")
        written_at = renewals_at = 0.0
        while True:
            if self._wake.wait(_RENEWAL_CHECK):
                # Other replies that begin now or stream at the same rate will have text soon.
                pause = written_at + WRITE_INTERVAL - time.monotonic()
                time.sleep(max(pause, FIRST_WRITE_DELAY))
            now = time.monotonic()
            if self.shutting_down:
                self._abort_all()
            try:
                written, renewed = self.write(), 0
                if written:
                    written_at = now
                if now >= renewals_at:
                    renewed = self.renew()
                    renewals_at = now + _RENEWAL_CHECK
            except RedisUnavailable as error:
                self._note_failure(error)
                time.sleep(outage.failed(error))
            else:
                if written or renewed:
                    outage.worked()

    def write(self) -> int:
        """Write the text that generations have; return how much was written."""
        self._wake.clear()
        ready: dict[Generation, None] = {}  # in order, each once
        while self._with_text:
            ready[self._with_text.popleft()] = None
        return self._write_all(list(ready))

    def renew(self) -> int:
        """Renew the leases of silent generations; return how many."""
        with self._lock:
            silent = [g for g in self._generations if g.needs_renewal()]
        return self._write_all(silent)

    def _write_all(self, generations: list[Generation]) -> int:
        written = 0
        for start in range(0, len(generations), MAX_WRITES):
            some = generations[start : start + MAX_WRITES]
            with self._lock:
                some = [generation for generation in some if generation in self._generations]
                self._writing.update(some)
            try:
                written += self._write_some(some)
            except RedisUnavailable:
                # Their text has left their buffers, so they will not notify of it again.
                self._with_text.extend(generations[start:])
                self._wake.set()
                raise
            finally:
                with self._written:
                    self._writing.clear()
                    self._written.notify_all()
        return written

    def _write_some(self, generations: list[Generation]) -> int:
        writes = [(generation, generation.next_write()) for generation in generations]
        pending = [(generation, write) for generation, write in writes if write]
        if not pending:
            return 0
        try:
            self._write_pending(pending)
        except Internal:
            # The error concerns one session: write each of the others.
            for generation, write in pending:
                try:
                    self._write_pending([(generation, write)])
                except Internal as error:
                    generation.abort(error)
        return len(pending)

    def _write_pending(self, pending: list[tuple[Generation, Write]]) -> None:
        answers = self._mailbox.write([write for _, write in pending])
        tokens = 0
        for (generation, write), owned in zip(pending, answers, strict=True):
            if owned:
                tokens += generation.confirm(write)
            else:
                generation.abort_lease_lost()
        metrics.tokens.inc(tokens)

    def _note_failure(self, error: RedisUnavailable) -> None:
        for generation in self._all():
            generation.write_failed(error)

    def _abort_all(self) -> None:
        for generation in self._all():
            generation.abort_for_shutdown()

    def _all(self) -> list[Generation]:
        with self._lock:
            return list(self._generations)
