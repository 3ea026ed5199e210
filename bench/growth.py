"""Whether a reply takes longer with a long history, many sessions, or many waiting messages.

    python -m bench.growth [--quick]

One client sends messages; the model answers at once. Each case alternates with a session of ten
messages in an otherwise empty system; `over_10_messages` is the ratio to it in the same round.
Peers are not measured: they store no history, or (the tutorial) read all of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import redis

from bench.processes import Load
from bench.result import Result, command
from bench.systems import MeasuredSystem, Ours, running

BASE = "10 messages"
ASKS = 10  # more would lengthen the session of ten messages
BUSY = 40  # sessions with unanswered messages; a worker serves 50 at once
PIPELINED = 20  # messages sent at once to fill a session


def measure(folder: Path, quick: bool) -> Result:
    """Return the reply time of each case."""
    lengths, rounds = ((200, 1_000), 3) if quick else ((1_000, 20_000), 10)
    sessions, waiting = (2_000, 500) if quick else (100_000, 10_000)
    result = Result("growth", "case", quick)
    with ExitStack() as stack:
        [empty] = stack.enter_context(running([Ours], folder / "empty"))
        [full] = stack.enter_context(running([Ours], folder / "full"))
        load = stack.enter_context(empty.load())
        full_load = stack.enter_context(full.load())
        cases: list[tuple[str, Callable[[], dict[str, float]]]] = []
        for messages in lengths:
            filled = load.run("fill", replies=messages // 2, at_once=PIPELINED)
            number = int(filled["number"])
            cases.append((f"{messages:,} messages", lambda n=number: _ask(empty, load, n)))
        _compare(result, rounds, lambda: _short(empty, load), cases)
        _copy_session(full, sessions)
        case = (f"{sessions:,} sessions", lambda: _short(full, full_load))
        _compare(result, rounds, lambda: _short(empty, load), [case])
        pile = stack.enter_context(full.load())
        pile.run("pile_up", sessions=BUSY, messages=waiting)
        case = (f"{waiting:,} waiting", lambda: _short(full, full_load))
        _compare(result, rounds, lambda: _short(empty, load), [case])
    return result


def _compare(
    result: Result,
    rounds: int,
    base: Callable[[], dict[str, float]],
    cases: list[tuple[str, Callable[[], dict[str, float]]]],
) -> None:
    for _ in range(rounds):
        short = base()
        result.add(BASE, {Ours.name: [short]})
        for name, ask in cases:
            figures = ask()
            figures["over_10_messages"] = figures["p50_ms"] / short["p50_ms"]
            result.add(name, {Ours.name: [figures]})


def _short(system: MeasuredSystem, load: Load) -> dict[str, float]:
    filled = load.run("fill", replies=5, at_once=5)
    return _ask(system, load, int(filled["number"]))


def _ask(system: MeasuredSystem, load: Load, number: int) -> dict[str, float]:
    before = system.usage()
    figures = load.run("ask_held", number=number, times=ASKS)
    used = system.usage().since(before)
    return {"p50_ms": figures["p50_ms"], "redis_us_per_reply": used.delta_us / ASKS}


def _copy_session(system: MeasuredSystem, count: int) -> None:
    """Add ``count`` sessions to Redis, copies of an existing one."""
    with redis.Redis.from_url(system.redis.url) as client:
        token = next(client.scan_iter(count=1000, _type="ReJSON-RL"))
        stored = client.dump(token)
        for _ in range(0, count, 1000):
            pipe = client.pipeline(transaction=False)
            for _ in range(1000):
                pipe.restore(str(uuid.uuid4()), 3_600_000, stored)
            pipe.execute()


if __name__ == "__main__":
    command(measure, __doc__)
