"""Enqueues tasks for sessions whose worker died or whose task was lost."""

from __future__ import annotations

import logging
import time

from celery import Celery
from kombu.exceptions import OperationalError

from chat.errors import ChatError
from chat.mailbox import Mailbox
from chat.message_log import log_session
from chat.outage import Outage
from chat.redis_client import translated_errors
from chat.timing import RECOVERY_INTERVAL
from tasks.enqueue import enqueue_reply

log = logging.getLogger(__name__)

_BROKER_TIMEOUT = 10.0  # seconds, for a connection of the pool


class Recovery:
    """One thread of a worker. A lock in Redis lets one worker recover at a time."""

    def __init__(self, app: Celery, mailbox: Mailbox) -> None:
        self._app = app
        self._mailbox = mailbox

    def run(self) -> None:
        """Recover sessions forever."""
        outage = Outage(log, "sessions cannot be recovered")
        while True:
            time.sleep(RECOVERY_INTERVAL)
            try:
                self.recover()
                outage.worked()
            except (ChatError, OperationalError) as error:
                outage.failed(error)  # the next try comes after RECOVERY_INTERVAL

    def recover(self) -> None:
        """Enqueue a task for each session to recover.

        At most `worker_concurrency` sessions in one run; the next run finds the rest.
        """
        max_tokens = self._app.conf.worker_concurrency
        for token in self._mailbox.recover(self._tasks_queued(), max_tokens):
            log_session("recovered", token)
            enqueue_reply(token)

    def _tasks_queued(self) -> int:
        queue = self._app.amqp.queues[self._app.conf.task_default_queue]
        pool = self._app.pool
        with translated_errors(), pool.acquire(block=True, timeout=_BROKER_TIMEOUT) as connection:
            count: int = queue(connection.default_channel).queue_declare().message_count
        return count
