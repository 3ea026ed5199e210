"""Celery's queue in the broker: enqueues the tasks that make a worker look into a mailbox.

An entry is pushed as kombu would push it, over one connection that is kept. `Celery.send_task` took
half of a web process's CPU time for a reply: it makes, binds and declares several objects for each
task, and a Redis client for each command. Also, a web process need not load Celery.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from chat.errors import ChatError
from chat.mailbox import Task
from chat.outage import Outage
from chat.redis_client import connect, translated_errors
from tasks.queue_entry import QUEUE, new_entry

log = logging.getLogger(__name__)

# If a task cannot be enqueued, recovery does it: a user should not wait for more retries.
_RETRIES = 2


class TaskQueue:
    """The list `celery` in the broker. Any thread may use it."""

    def __init__(self, broker_url: str) -> None:
        """It takes one connection, when it is first used."""
        self._redis = connect(broker_url, retries=_RETRIES, max_connections=1)
        self._outage = Outage(log, "tasks cannot be enqueued, recovery will do it")

    def enqueue(self, tokens: Sequence[str]) -> bool:
        """Enqueue a task for each session; return whether that succeeded.

        Tasks that cannot be enqueued cost time, nothing else: the mailbox says that the sessions
        are queued, and recovery enqueues other tasks. So does a retry that enqueues them twice: the
        second task of a session finds nothing to claim.
        """
        try:
            with translated_errors():
                self._redis.lpush(QUEUE, *map(new_entry, tokens))
        except ChatError as error:
            self._outage.failed(error)
            return False
        self._outage.worked()
        return True

    def task(self, token: str) -> Task:
        """Return a task for a session, for a step of the mailbox that enqueues it."""
        return Task(QUEUE, new_entry(token))

    def length(self) -> int:
        """Return how many tasks no worker has taken yet.

        Raises:
            Busy, Internal: The broker cannot be used.
        """
        with translated_errors():
            return int(self._redis.llen(QUEUE))
