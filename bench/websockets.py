"""What an open socket costs, and how many can be opened a second.

    python -m bench.websockets [--quick]

1,000, then 10,000, then 15,000 sockets, each of a session of its own, from several addresses of
loopback. A round starts each system anew, since a process does not give memory back. That sockets
are alive is tested by closing none: all must be open at the end, and fifty of them are answered.
"""

from __future__ import annotations

from pathlib import Path

from bench.result import Result, command
from bench.systems import BrokenRun, Contestant, FlaskSocketIO, Ours, TaskiqList, running

SYSTEMS: list[type[Contestant]] = [Ours, TaskiqList, FlaskSocketIO]
WARM = 20  # sockets; what the first ones cost, all use


def measure(folder: Path, quick: bool) -> Result:
    """Return memory a socket and connects a second of the web processes."""
    counts, rounds = ((200, 500), 1) if quick else ((1_000, 10_000, 15_000), 2)
    result = Result("websockets", "sockets", quick)
    for number in range(rounds):
        for kind in SYSTEMS if number % 2 == 0 else SYSTEMS[::-1]:
            place = folder / f"{number}-{kind.__name__}"
            with running([kind], place) as [system]:
                for count, figures in _hold(system, counts).items():
                    result.add(count, {system.name: [figures]})
    return result


def _hold(system: Contestant, counts: tuple[int, ...]) -> dict[int, dict[str, float]]:
    found = {}
    with system.load() as load:
        load.run("hold", clients=WARM)
        load.run("drop")
        before = system.memory_kb("web")
        for count in counts:
            opened = load.run("hold", clients=count)
            found[count] = {
                "kb_per_socket": (system.memory_kb("web") - before) / count,
                "connects_per_s": opened["connects_per_s"],
                "client_cpu": opened["client_cpu"],
            }
            lost = load.run("lost")["lost"]
            if lost:
                raise BrokenRun(f"{lost:.0f} of {count} sockets were closed")
    return found


if __name__ == "__main__":
    command(measure, __doc__)
