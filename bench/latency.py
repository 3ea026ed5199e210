"""The time until a reply is complete, and replies per second, with a model that answers at once.

    python -m bench.latency [--quick]

1, 50 and 500 clients send the next message as soon as they have the reply.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.peers.systems import CeleryTask, FlaskSocketIO, TaskiqList, TaskiqStream, Tutorial
from bench.result import Result, command
from bench.systems import MeasuredSystem, Ours, in_turn, running

SYSTEMS: list[type[MeasuredSystem]] = [
    Ours,
    TaskiqList,
    TaskiqStream,
    FlaskSocketIO,
    Tutorial,
    CeleryTask,
]


def measure(folder: Path, quick: bool) -> Result:
    """Return p50, p99 and replies a second of every system."""
    clients, rounds, seconds = ((1, 50), 1, 1.0) if quick else ((1, 50, 500), 3, 3.0)
    result = Result("latency", "clients", quick)
    with running(SYSTEMS, folder) as systems:
        for count in clients:
            talk = partial(_talk, clients=count, seconds=seconds)
            result.add(count, in_turn(systems, rounds, talk))
    return result


def _talk(system: MeasuredSystem, *, clients: int, seconds: float) -> dict[str, float]:
    return system.run("latency", clients=clients, seconds=seconds)


if __name__ == "__main__":
    command(measure, __doc__)
