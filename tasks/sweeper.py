"""Rings again for sessions whose ring was lost or whose worker died."""

from __future__ import annotations

import logging
import time

from celery import Celery
from kombu.exceptions import OperationalError

from chat.connect import reached
from chat.errors import ChatError
from chat.mailbox import SWEEP_EVERY, Mailbox
from chat.outage import Outage
from tasks.reply import ring

log = logging.getLogger(__name__)


class Sweeper:
    """One thread a worker; of all workers' sweepers one gets work at a time."""

    def __init__(self, app: Celery, mailbox: Mailbox) -> None:
        self._app = app
        self._mailbox = mailbox

    def run(self) -> None:
        """Sweep, for ever."""
        outage = Outage(log, "cannot look for sessions that wait")
        while True:
            time.sleep(SWEEP_EVERY)
            try:
                # No more than what one worker could answer at once: the rest may well be
                # waiting in order, and can be found by the next sweep.
                most = self._app.conf.worker_concurrency
                for token in self._mailbox.sweep(self._rings_queued(), most):
                    ring(token)
                outage.worked()
            except (ChatError, OperationalError) as error:
                outage.failed(error)  # the next sweep is late enough

    def _rings_queued(self) -> int:
        queue = self._app.amqp.queues[self._app.conf.task_default_queue]
        with reached(), self._app.pool.acquire(block=True, timeout=10) as connection:
            count: int = queue(connection.default_channel).queue_declare().message_count
        return count
