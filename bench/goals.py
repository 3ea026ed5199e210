"""The goals: bounds for our figures, or for their ratio to a peer's figure in the same run."""

from __future__ import annotations

from typing import NamedTuple

from bench.result import OURS, Result

LIST, STREAM, CELERY = "FastAPI + taskiq list", "FastAPI + taskiq stream", "bare Celery task"


class Goal(NamedTuple):
    """A bound of a figure of ours, or of its ratio to a peer's."""

    bench: str
    load: int | str
    figure: str
    now: float | None
    later: float | None
    over: str = ""  # the bound is for the ratio to this peer; empty: for the figure itself
    at_least: bool = False  # else at most

    def value(self, result: Result) -> float | None:
        """Return the measured value, or None."""
        if self.over:
            return result.ratio(self.load, self.figure, self.over)
        return result.median(OURS, self.load, self.figure)

    def met(self, value: float, bound: float) -> bool:
        """Whether a value is within a bound."""
        return value >= bound if self.at_least else value <= bound


GOALS = (
    Goal("streams", 150, "gap_p99_ms", 80, None),
    Goal("streams", 150, "gap_p99_ms", None, 0.8, STREAM),
    Goal("streams", 150, "first_p50_ms", 400, None),
    Goal("streams", 150, "first_p50_ms", None, 0.8, STREAM),
    Goal("streams", 150, "first_p99_ms", 750, None),
    Goal("streams", 150, "first_p99_ms", None, 0.8, STREAM),
    Goal("streams", 300, "pace_p1_per_s", 19.5, None, at_least=True),
    Goal("streams", 300, "gap_p99_ms", 140, None),
    Goal("streams", 300, "first_p50_ms", 600, None),
    Goal("streams", 600, "gap_p99_ms", None, 150),
    Goal("streams", 150, "redis_us_per_delta", 20, 12),
    Goal("latency", 50, "replies_per_s", 0.6, 1.0, LIST, at_least=True),
    Goal("latency", 1, "p50_ms", 1.8, 1.2, LIST),
    Goal("latency", 1, "p50_ms", 1.8, 1.3, CELERY),
    Goal("websockets", 10_000, "kb_per_socket", 25, None),
    Goal("websockets", 15_000, "kb_per_socket", None, 20),
    Goal("growth", "20,000 messages", "over_10_messages", 1.1, 1.05),
)
# The figures in the table of the project's README.
HEADLINES = (
    ("streams", 150, "gap_p99_ms", STREAM),
    ("streams", 150, "first_p50_ms", STREAM),
    ("streams", 300, "gap_p99_ms", STREAM),
    ("streams", 300, "pace_p1_per_s", STREAM),
    ("latency", 1, "p50_ms", LIST),
    ("latency", 50, "replies_per_s", LIST),
    ("websockets", 10_000, "kb_per_socket", LIST),
    ("growth", "20,000 messages", "over_10_messages", ""),
)
