"""How the metrics of all processes come to one page: over Redis.

Every process writes its metrics to a key of its own, which soon expires, and any web process reads
all of them. docs/decisions/0008-metrics-travel-over-redis.md says why.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import redis
from prometheus_client.metrics_core import Metric

from chat.errors import ChatError
from chat.metrics import REGISTRY
from chat.outage import Outage
from chat.process_name import process_name
from chat.redis_client import translated_errors

log = logging.getLogger(__name__)

PUBLISH_INTERVAL = 5.0  # seconds
# The metrics of a process that was killed disappear after this time. A few writes may fail.
EXPIRY = 20.0  # seconds
MAX_PROCESSES = 500  # that are read
_INDEX = "chat:metrics"  # sorted set of the processes' names, by the time of their last write
_FORGOTTEN_AFTER = 24 * 3600.0  # seconds; longer than clocks of machines differ

Sample = tuple[str, str, dict[str, str], float]  # family, name, labels, value


class Snapshot(NamedTuple):
    """The metrics of one process."""

    process: str
    role: str  # web or worker
    samples: list[Sample]


def _key(process: str) -> str:
    return f"{_INDEX}:{process}"


def own_snapshot(role: str) -> Snapshot:
    """Return the metrics of this process."""
    samples = [
        (family.name, sample.name, dict(sample.labels), sample.value)
        for family in REGISTRY.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    return Snapshot(process_name(), role, samples)


class Publisher:
    """One thread of a process writes its metrics to Redis every `PUBLISH_INTERVAL` seconds."""

    def __init__(self, client: redis.Redis, role: str, measure: Callable[[], None]) -> None:
        """``measure`` sets the gauges; it is called before each write."""
        self._client = client
        self._role = role
        self._measure = measure
        self._stopped = threading.Event()

    def run(self) -> None:
        """Publish until `stop`."""
        outage = Outage(log, "metrics are not published")
        while not self._stopped.is_set():
            try:
                self.publish()
                outage.worked()
            except ChatError as error:
                outage.failed(error)
            self._stopped.wait(PUBLISH_INTERVAL)

    def stop(self) -> None:
        """End `run`, and publish what was counted since. Does not raise."""
        self._stopped.set()
        try:
            self.publish()
        except ChatError as error:
            log.info("the last metrics are not published: %s", error)

    def snapshot(self) -> Snapshot:
        """Return the metrics of this process as they are now."""
        self._measure()
        return own_snapshot(self._role)

    def publish(self) -> None:
        """Write the metrics once.

        Raises:
            RedisUnavailable, Internal: Redis cannot be used.
        """
        process, role, samples = self.snapshot()
        now = time.time()
        with translated_errors(), self._client.pipeline(transaction=False) as pipe:
            pipe.set(_key(process), json.dumps([role, samples]), px=int(EXPIRY * 1000))
            pipe.zadd(_INDEX, {process: now})
            pipe.zremrangebyscore(_INDEX, "-inf", now - _FORGOTTEN_AFTER)
            pipe.execute()


def read_snapshots(client: redis.Redis) -> list[Snapshot]:
    """Return the metrics of all processes that have published within `EXPIRY` seconds.

    Raises:
        RedisUnavailable, Internal: Redis cannot be used.
    """
    with translated_errors():
        names: Any = client.zrange(_INDEX, 0, MAX_PROCESSES - 1, desc=True)
        texts = client.mget([_key(name) for name in names]) if names else []
    found = []
    for name, text in zip(names, texts, strict=True):
        if text:
            try:
                role, samples = json.loads(text)
                rows = [(family, each, labels, value) for family, each, labels, value in samples]
                found.append(Snapshot(name, role, rows))
            except (ValueError, TypeError):
                log.warning("the metrics of %s cannot be read", name)
    return found


def merged(snapshots: list[Snapshot]) -> list[Metric]:
    """Return the metrics of several processes, with labels for the process and its role.

    Only metrics that this version knows: during a deploy, others may publish more.
    """
    families = {
        family.name: Metric(family.name, family.documentation, family.type)
        for family in REGISTRY.collect()
    }
    for process, role, samples in snapshots:
        own = {"process": process, "role": role}
        for family, name, labels, value in samples:
            if family in families:
                families[family].add_sample(name, {**labels, **own}, value)
    return list(families.values())


def one_process_each(snapshots: list[Snapshot], own: Snapshot) -> list[Snapshot]:
    """Return the snapshots with ``own`` in place of what this process published last."""
    return [own, *(each for each in snapshots if each.process != own.process)]
