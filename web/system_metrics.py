"""The metrics of the whole system: those of all processes, and what Redis says of the queue."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from math import inf

import redis
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from chat.errors import ChatError
from chat.mailbox import Mailbox
from chat.metrics_exchange import Publisher, Snapshot, merged, one_process_each, read_snapshots
from chat.time_slice import TimeSlice
from chat.worker_heartbeat import heartbeat_age
from web.log_throttle import LogThrottle

log = logging.getLogger(__name__)
log.addFilter(LogThrottle())


class SystemMetrics:
    """What `/metrics` shows."""

    def __init__(self, client: redis.Redis, publisher: Publisher) -> None:
        """``client`` should give up soon; ``publisher`` has the metrics of this process."""
        self._client = client
        self._mailbox = Mailbox(client, 0)
        self._publisher = publisher

    def page(self) -> bytes:
        """Return the metrics in the text format of Prometheus.

        While Redis cannot be read, they are those of this process, and ``chat_redis_up`` is 0.
        """
        registry = CollectorRegistry()
        registry.register(_Collected(list(self._collect())))
        return generate_latest(registry)

    def own_page(self) -> bytes:
        """Return the metrics of this process alone, without asking Redis."""
        registry = CollectorRegistry()
        own = merged([self._publisher.snapshot()])
        registry.register(_Collected([*own, _gauge("chat_redis_up", _UP, 0)]))
        return generate_latest(registry)

    def _collect(self) -> Iterator[Metric]:
        snapshots: list[Snapshot] = []
        up = 1
        try:
            snapshots = read_snapshots(self._client)
            yield from self._queue()
        except ChatError as error:
            log.warning("the metrics of other processes cannot be read: %s", error)
            up = 0
        snapshots = one_process_each(snapshots, self._publisher.snapshot())
        yield _gauge("chat_redis_up", _UP, up)
        processes = GaugeMetricFamily(
            "chat_processes", "Processes that publish metrics.", labels=["role"]
        )
        for role, count in Counter({"web": 0, "worker": 0} | _roles(snapshots)).items():
            processes.add_metric([role], count)
        yield processes
        yield from merged(snapshots)

    def _queue(self) -> Iterator[Metric]:
        waiting, age = self._mailbox.waiting(), heartbeat_age(self._client)
        yield _gauge(
            "chat_messages_waiting", "Messages whose reply has not started.", waiting.messages
        )
        yield _gauge(
            "chat_oldest_waiting_seconds",
            "How long the oldest message has waited whose session no worker has; 0: none waits.",
            waiting.oldest,
        )
        yield _gauge(
            "chat_sessions_queued", "Sessions that wait for a worker.", waiting.sessions_queued
        )
        yield _gauge(
            "chat_sessions_leased", "Sessions that a worker answers.", waiting.sessions_leased
        )
        yield _gauge(
            "chat_worker_heartbeat_age_seconds",
            "Time since a worker was seen; +Inf: none for a day.",
            inf if age is None else age,
        )


_UP = "Whether Redis answers this web process."


def _roles(snapshots: list[Snapshot]) -> dict[str, int]:
    return dict(Counter(snapshot.role for snapshot in snapshots))


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


class _Collected:
    """Metrics that were collected, for a registry.

    It pauses between them: those of ten processes take some 20 ms, in which WebSockets would wait.
    """

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        time_slice = TimeSlice()
        for metric in self._metrics:
            time_slice.yield_if_over()
            yield metric
