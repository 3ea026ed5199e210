"""The gauges of a web process, and the thread that publishes its metrics."""

from __future__ import annotations

import redis

from chat import metrics
from chat.background import start_background_thread
from chat.metrics_exchange import Publisher
from web.subscribers.events_mode import SUBPROTOCOL
from web.subscribers.registry import SubscriberRegistry


class ProcessMetrics:
    """Measures a web process. gunicorn starts and stops it with the process."""

    def __init__(self, client: redis.Redis, subscribers: SubscriberRegistry) -> None:
        self._subscribers = subscribers
        self.publisher = Publisher(client, "web", self._measure)

    def start(self) -> None:
        """Begin to publish the metrics."""
        start_background_thread("metrics", self.publisher.run)

    def stop(self) -> None:
        """Publish what was counted last."""
        self.publisher.stop()

    def _measure(self) -> None:
        subscribers = self._subscribers.all()
        events = sum(each.websocket.subprotocol == SUBPROTOCOL for each in subscribers)
        metrics.websockets.labels("events").set(events)
        metrics.websockets.labels("plain").set(len(subscribers) - events)
        metrics.connected_sessions.set(len({each.token for each in subscribers}))
