"""How evenly replies stream, how soon they begin, and the cost of a token.

    python -m bench.streams [--quick]

50, 150, 300 and 600 clients send a message at the same moment; the model writes 20 tokens a second
for each, for ten seconds. Figures of CPU are shares of one core; a delta is a frame with text at
the client.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import requests

from bench.peers.systems import TaskiqStream
from bench.result import Result, command
from bench.systems import MeasuredSystem, Ours, in_turn, running

RATE = 20  # tokens a second


def measure(folder: Path, quick: bool) -> Result:
    """Return first token, gaps, pace and costs of both systems."""
    counts, rounds, words = ((20, 50), 1, 60) if quick else ((50, 150, 300, 600), 3, 200)
    result = Result("streams", "streams", quick)
    max_streams = max(counts)
    with running([Ours, TaskiqStream], folder, worker_concurrency=max_streams) as systems:
        for count in counts:
            stream = partial(_stream, streams=count, words=words)
            result.add(count, in_turn(systems, rounds, stream))
    return result


def _stream(system: MeasuredSystem, *, streams: int, words: int) -> dict[str, float]:
    with system.load() as load:
        load.run("hold", clients=streams)
        requests.get(f"{system.model}/stats", timeout=10)  # resets the statistics
        before, began = system.usage(), time.monotonic()
        figures = load.run("streams", clients=streams, words=words, rate=RATE)
        used, wall = system.usage().since(before), time.monotonic() - began
        late = requests.get(f"{system.model}/stats", timeout=10).json()["late_p99_ms"]
    tokens, frames = streams * words, figures.pop("frames")
    return {
        **figures,
        **{f"{name}_cpu": seconds / wall for name, seconds in used.cpu.items()},
        "model_late_p99_ms": late,
        **{f"{name}_us_per_token": 1e6 * cpu / tokens for name, cpu in used.cpu.items()},
        "redis_commands_per_token": used.commands / tokens,
        "deltas_per_token": frames / tokens,
        "redis_us_per_delta": used.delta_us / frames,
    }


if __name__ == "__main__":
    command(measure, __doc__)
