"""The memory of an open WebSocket, and how many can be opened per second.

    python -m bench.websockets [--quick]

1,000, then 10,000, then 15,000 WebSockets, each of a session of its own, from several loopback
addresses. Each round restarts the systems, since a process does not return memory. At the end all
WebSockets must still be open, and fifty of them must get a reply.
"""

from __future__ import annotations

from pathlib import Path

from bench.peers.systems import FlaskSocketIO, TaskiqList
from bench.processes import BrokenRun
from bench.result import Result, command
from bench.systems import MeasuredSystem, Ours, running

SYSTEMS: list[type[MeasuredSystem]] = [Ours, TaskiqList, FlaskSocketIO]
WARM = 20  # WebSockets, opened first so that shared memory is not counted


def measure(folder: Path, quick: bool) -> Result:
    """Return the memory per WebSocket and the connects per second of the web processes."""
    counts, rounds = ((200, 500), 1) if quick else ((1_000, 10_000, 15_000), 2)
    result = Result("websockets", "sockets", quick)
    for number in range(rounds):
        for kind in SYSTEMS if number % 2 == 0 else SYSTEMS[::-1]:
            place = folder / f"{number}-{kind.__name__}"
            with running([kind], place) as [system]:
                for count, figures in _hold(system, counts).items():
                    result.add(count, {system.name: [figures]})
    return result


def _hold(system: MeasuredSystem, counts: tuple[int, ...]) -> dict[int, dict[str, float]]:
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
