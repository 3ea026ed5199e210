"""Writes the tables of results into the README files.

    python -m bench.report [--print]

Writes the tables of `bench/results` into `bench/README.md`, and a short one into the project's
README, each between its markers; a file without markers stays as it is. `--print` only prints.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.figures import formatted
from bench.goals import GOALS, HEADLINES, Goal
from bench.result import OURS, RESULTS, Result, saved

HERE = Path(__file__).parent
BEGIN, END = "<!-- bench: made by `python -m bench.report` -->", "<!-- bench: end -->"
NONE = "-"  # in a table: not measured
TITLES = {
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "replies_per_s": "replies/s",
    "first_p50_ms": "first token p50, ms",
    "first_p99_ms": "first token p99, ms",
    "gap_p99_ms": "gap p99, ms",
    "pace_p1_per_s": "pace p1, tokens/s",
    "web_cpu": "web, cores",
    "worker_cpu": "worker, cores",
    "redis_cpu": "Redis, cores",
    "client_cpu": "load, cores",
    "model_late_p99_ms": "model late p99, ms",
    "web_us_per_token": "web, µs/token",
    "worker_us_per_token": "worker, µs/token",
    "redis_us_per_token": "Redis, µs/token",
    "redis_commands_per_token": "Redis commands/token",
    "deltas_per_token": "deltas/token",
    "redis_us_per_delta": "Redis scripts and XADD, µs/delta",
    "kb_per_socket": "memory, KB/socket",
    "connects_per_s": "connects/s",
    "over_10_messages": "over 10 messages",
    "redis_us_per_reply": "Redis scripts, µs/reply",
}


# In a table of their own, since one table would be too wide.
COSTS = tuple(name for name in TITLES if name.endswith(("_cpu", "_token", "_delta", "late_p99_ms")))
# Figures of the load generator and the stand-in, or of our system alone: they have no ratio.
WITHOUT_RATIO = ("client_cpu", "model_late_p99_ms", "over_10_messages")


def tables(result: Result) -> str:
    """Return the tables of a result: the figures that clients see, and the costs."""
    seen = [name for name in result.names if name not in COSTS]
    costs = [name for name in result.names if name in COSTS]
    return "\n\n".join(table(result, names) for names in (seen, costs) if names)


def table(result: Result, names: list[str]) -> str:
    """Return a Markdown table of medians, each peer's with the ratio of ours to it."""
    head = ["system", result.axis, *(TITLES.get(name, name) for name in names)]
    lines = [_line(head), _line(["---"] * len(head))]
    for load in result.loads:
        for system in result.systems:
            if (system, load) in result.rows:
                figures = [_cell(result, system, load, name) for name in names]
                lines.append(_line([system, _load(load), *figures]))
    return "\n".join(lines)


def _cell(result: Result, system: str, load: int | str, name: str) -> str:
    value = result.median(system, load, name)
    if value is None:
        return NONE
    compared = system != OURS and name not in WITHOUT_RATIO
    ratio = result.ratio(load, name, system) if compared else None
    return formatted(value) if ratio is None else f"{formatted(value)} ({formatted(ratio)})"


def goals(results: list[Result]) -> str:
    """Return the table of goals, and whether each is met."""
    by_name = {result.bench: result for result in results}
    head = ["figure", "measured", "goal now", "met", "in the end", "met"]
    lines = [_line(head), _line(["---"] * len(head))]
    for goal in GOALS:
        result = by_name.get(goal.bench)
        value = goal.value(result) if result else None
        bounds = [part for bound in (goal.now, goal.later) for part in _bound(goal, value, bound)]
        axis = _axis(result, goal.load) if result else ""
        name = f"{_load(goal.load)}{axis}: {TITLES[goal.figure]}"
        name += f", ours over {goal.over}" if goal.over else ""
        lines.append(_line([name, NONE if value is None else formatted(value), *bounds]))
    return "\n".join(lines)


def _bound(goal: Goal, value: float | None, bound: float | None) -> tuple[str, str]:
    if bound is None:
        return "", ""
    sign = "≥" if goal.at_least else "≤"
    met = "not measured" if value is None else "yes" if goal.met(value, bound) else "**no**"
    return f"{sign} {formatted(bound)}", met


def headlines(results: list[Result]) -> str:
    """Return the short table for the project's README."""
    by_name = {result.bench: result for result in results}
    lines = [_line(["", "ours", "peer, same run", "ours over it"]), _line(["---"] * 4)]
    for bench, load, figure, peer in HEADLINES:
        result = by_name.get(bench)
        if result is None:
            continue
        ours = result.median(OURS, load, figure)
        if ours is None:
            continue
        axis = _axis(result, load)
        theirs = result.median(peer, load, figure)
        beside = f"{peer}: {formatted(theirs)}" if theirs is not None else NONE
        ratio = formatted(result.ratio(load, figure, peer)) if theirs is not None else NONE
        lines.append(
            _line([f"{_load(load)}{axis}: {TITLES[figure]}", formatted(ours), beside, ratio])
        )
    return "\n".join(lines)


def everything(results: list[Result]) -> str:
    """Return all tables, each with its plot, for `bench/README.md`."""
    parts = ["### Goals", goals(results)]
    for result in results:
        machine = result.machine
        rounds = max(len(values) for row in result.rows.values() for values in row.values())
        parts += [
            f"### {result.bench.capitalize()}",
            f"{machine['date']}, {machine['cores']} cores, {machine['system']}, Python"
            f" {machine['python']}, {rounds} rounds.",
            tables(result),
            f"![{result.bench}](results/{result.bench}.svg)",
        ]
    return "\n\n".join(parts)


def insert(text: str, generated: str) -> str:
    """Return the text with ``generated`` between its markers; unchanged if it has no markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        return text
    return f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _axis(result: Result, load: int | str) -> str:
    """Return the unit of a load; a load that is a text includes its unit."""
    if isinstance(load, str):
        return ""
    return f" {result.axis.removesuffix('s') if load == 1 else result.axis}"


def _load(load: int | str) -> str:
    return f"{load:,}" if isinstance(load, int) else load


def main() -> None:
    """Write the tables, or print them."""
    results = saved(RESULTS)
    if "--print" in sys.argv or not results:
        sys.stdout.write(f"{everything(results)}\n\n{headlines(results)}\n")
        return
    for path, generated in (
        (HERE / "README.md", everything(results)),
        (HERE.parent / "README.md", headlines(results)),
    ):
        path.write_text(insert(path.read_text(), generated))


if __name__ == "__main__":
    main()
