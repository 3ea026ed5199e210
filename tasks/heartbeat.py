"""This worker's heartbeat, by which web processes know that a worker takes messages.

Celery's event loop ticks, and each tick wakes a thread that writes the heartbeat. So a Redis that
does not answer cannot block the loop, and a loop that hangs writes no heartbeat.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import redis
from celery import bootsteps
from celery.worker.consumer.tasks import Tasks

from chat.errors import ChatError
from chat.worker_heartbeat import HEARTBEAT_INTERVAL, write_heartbeat
from tasks.celery import app

log = logging.getLogger(__name__)

TICK_INTERVAL = 1.0  # seconds


class Heartbeat:
    """Writes the heartbeat in a thread that each tick of the consumer wakes."""

    def __init__(self, client: redis.Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._beat_at = -math.inf
        self._name = ""
        self._reachable = True
        self._ticked = threading.Event()
        self._stopped = threading.Event()

    def tick(self, name: str) -> None:
        """Record that the consumer of the worker ``name`` runs. Does not use Redis."""
        self._name = name
        self._ticked.set()

    def stop(self) -> None:
        """Write no more heartbeats; the thread ends at the next tick. Safe in a signal handler."""
        self._stopped.set()

    def run(self) -> None:
        """Write a heartbeat at the first tick, then at most one in `HEARTBEAT_INTERVAL` seconds."""
        while True:
            self._ticked.wait()
            self._ticked.clear()
            if self._stopped.is_set():
                return
            if self._clock() - self._beat_at >= HEARTBEAT_INTERVAL:
                self._beat()

    def _beat(self) -> None:
        try:
            write_heartbeat(self._client, self._name)
        except ChatError as error:
            if self._reachable:
                log.warning("the heartbeat cannot be written: %s", error)
            self._reachable = False
        else:
            self._beat_at = self._clock()
            self._reachable = True


class ConsumerTicks(bootsteps.StartStopStep):  # type: ignore[misc]
    """Makes Celery's event loop tick while the worker consumes the queue.

    Celery starts this step again after each reconnection. The step must not require Celery's
    ``Timer``, which is a step of the worker: the consumer would not start again
    (https://github.com/celery/celery/issues/3955).
    """

    requires = (Tasks,)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        consumer.call_soon(self._tick, consumer)  # when the loop starts
        self._timer = consumer.timer.call_repeatedly(TICK_INTERVAL, self._tick, (consumer,))

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            consumer.timer.cancel(self._timer)
            self._timer = None

    shutdown = stop

    def _tick(self, consumer: Any) -> None:
        # An operator may have stopped consuming: `celery control cancel_consumer`.
        queue = consumer.app.conf.task_default_queue
        if consumer.task_consumer and consumer.task_consumer.consuming_from(queue):
            consumer.app.heartbeat.tick(consumer.hostname)  # set by tasks/worker.py


app.steps["consumer"].add(ConsumerTicks)
