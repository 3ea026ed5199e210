"""The metrics of a process. docs/operations.md lists them, `deploy/` has dashboard and alerts.

No label holds a token, an id or anything that a client sends: each has a few fixed values. Text
from the model is counted where it is written, once for many tokens, and not where it arrives.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily

from chat.errors import error_codes

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # CPU time, memory and open files; Linux only

# The steps of a message's life (chat/message_log.py). Others count as "other".
STEPS = (
    "accepted",
    "enqueued",
    "claimed",
    "resumed",
    "first_delta",
    "restarted",
    "finished",
    "released",
    "interrupted",
    "lease_lost",
    "stopped",
    "recovered",
    "other",
)
# Of a whole reply, and of the waits before it, in seconds.
_TIMES = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
_RATES = (1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 300)  # tokens a second


def _counter(name: str, what: str, labels: Iterable[str] = ()) -> Counter:
    return Counter(name, what, labels, registry=REGISTRY)


def _gauge(name: str, what: str, labels: Iterable[str] = ()) -> Gauge:
    return Gauge(name, what, labels, registry=REGISTRY)


class _CheapCounter:
    """A counter for what happens several times with each message.

    A step of `itertools.count` needs no lock. With gevent a counter of prometheus-client takes ten
    times as long, since a lock there is gevent's.
    """

    def __init__(
        self, name: str, what: str, label: str = "", values: Iterable[str] = ("",)
    ) -> None:
        self._name, self._what = name, what
        self._labels = [label] if label else []
        self._counts = {value: count() for value in values}
        REGISTRY.register(self)

    def inc(self, value: str = "") -> int:
        """Count one more; return how many there were before. Unknown values count as "other"."""
        return next(self._counts.get(value) or self._counts["other"])

    def collect(self) -> list[CounterMetricFamily]:
        """Return the metric, for the registry."""
        family = CounterMetricFamily(self._name, self._what, labels=self._labels)
        for value, counted in self._counts.items():
            # An `itertools.count` shows its next number in its repr alone: "count(7)".
            family.add_metric([value] if self._labels else [], int(repr(counted)[6:-1]))
        return [family]


# Web and worker

_steps = _CheapCounter("chat_message_steps", "Steps of messages, as in the log.", "step", STEPS)
count_step = _steps.inc
_round_trips = _CheapCounter(
    "chat_redis_round_trips", "Calls to Redis, each a command or a pipeline."
)
_round_trip_seconds = Histogram(
    "chat_redis_round_trip_seconds",
    "Time of every sixteenth call to Redis.",
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
    registry=REGISTRY,
)
_TIMED_EACH = 16
redis_failures = _counter("chat_redis_failures", "Calls to Redis that failed.")

# Web

websockets = _gauge("chat_websockets", "Open WebSockets.", ["mode"])
connected_sessions = _gauge("chat_sessions_connected", "Sessions with an open WebSocket.")
sessions_created = _counter("chat_sessions_created", "Sessions that were created.")
_refusals = _counter("chat_refusals", "Frames that were refused.", ["code"])
_refusal = {code: _refusals.labels(code) for code in error_codes()}
relay_reconnects = _counter(
    "chat_relay_reconnects", "Connections of the relay to Redis after its first one."
)
resyncs = _counter("chat_resyncs", "Histories that were sent again, since an event was missed.")
slow_clients = _counter(
    "chat_send_queues_closed", "WebSockets that were closed, since the client read too slowly."
)

# Worker

queue_seconds = Histogram(
    "chat_queue_seconds",
    "Time from the acceptance of a message to its first claim.",
    buckets=_TIMES,
    registry=REGISTRY,
)
first_token_seconds = Histogram(
    "chat_first_token_seconds",
    "Time from the first claim of a message to the first text of its reply in Redis.",
    buckets=_TIMES,
    registry=REGISTRY,
)
reply_seconds = Histogram(
    "chat_reply_seconds",
    "Time from the first claim of a message to the end of its reply.",
    buckets=_TIMES,
    registry=REGISTRY,
)
reply_rate = Histogram(
    "chat_reply_tokens_per_second",
    "Tokens of a reply over the time from its first to its last text, in one worker.",
    buckets=_RATES,
    registry=REGISTRY,
)
tokens = _counter(
    "chat_tokens", "Pieces of text from the model; most servers send each token as one."
)
_replies = _counter("chat_replies", "Replies that workers ended.", ["status", "code"])
_reply = {
    "done": _replies.labels("done", ""),
    "stopped": _replies.labels("stopped", ""),
    **{code: _replies.labels("failed", code) for code in error_codes()},
}
leases_taken_over = _counter(
    "chat_leases_taken_over", "Claims of messages that another worker had claimed before."
)
replies_resumed = _counter(
    "chat_replies_resumed", "Such claims of replies that had text already: they were continued."
)
model_requests = _counter("chat_model_requests", "Requests to the model, retries among them.")
model_retries = _counter("chat_model_retries", "Requests to the model that were repeated.")
model_fallbacks = _counter("chat_model_fallbacks", "Replies for which the second model was asked.")
replies_running = _gauge("chat_replies_running", "Replies that are being generated.")
reply_slots = _gauge("chat_reply_slots", "Replies that may be generated at once.")


def count_round_trip(seconds: float) -> None:
    """Count a call to Redis that took this long."""
    if _round_trips.inc() % _TIMED_EACH == 0:
        _round_trip_seconds.observe(seconds)


def count_reply(status: str) -> None:
    """Count a reply that has ended: ``done``, ``stopped``, or the code of the error."""
    (_reply.get(status) or _reply["internal"]).inc()


def count_refusal(code: str) -> None:
    """Count a frame that was refused with an error code."""
    (_refusal.get(code) or _refusal["internal"]).inc()
