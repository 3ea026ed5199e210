"""The result of a measurement, stored as JSON for tables and plots."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import median_ratio, rounded

RESULTS = Path(__file__).parent / "results"
QUICK = RESULTS / "quick"  # not committed: too few rounds to be reliable
OURS = "ours"


class Result:
    """Figures by system and load, round by round."""

    def __init__(self, bench: str, axis: str, quick: bool) -> None:
        """``axis`` is the unit of the loads."""
        self.bench, self.axis, self.quick = bench, axis, quick
        self.machine = _machine()
        self.rows: dict[tuple[str, int | str], dict[str, list[float]]] = {}

    def add(self, load: int | str, found: dict[str, list[dict[str, float]]]) -> None:
        """Add rounds of figures by the system's name."""
        for system, rounds in found.items():
            row = self.rows.setdefault((system, load), {})
            for figures in rounds:
                for name, value in figures.items():
                    if name not in ("asked", "whole"):  # equal in every result
                        row.setdefault(name, []).append(value)

    @property
    def systems(self) -> list[str]:
        return list(dict.fromkeys(system for system, _ in self.rows))

    @property
    def loads(self) -> list[int | str]:
        return list(dict.fromkeys(load for _, load in self.rows))

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows.values() for name in row))

    def rounds(self, system: str, load: int | str, figure: str) -> list[float]:
        """Return a figure of each round; none if it was not measured."""
        return self.rows.get((system, load), {}).get(figure, [])

    def median(self, system: str, load: int | str, figure: str) -> float | None:
        """Return the median of all rounds, None if it was not measured."""
        values = self.rounds(system, load, figure)
        return statistics.median(values) if values else None

    def ratio(self, load: int | str, figure: str, peer: str) -> float | None:
        """Return ours over a peer's, the median of the rounds."""
        ours, theirs = self.rounds(OURS, load, figure), self.rounds(peer, load, figure)
        return median_ratio(ours, theirs) if len(ours) == len(theirs) else None

    def save(self) -> Path:
        """Write the result; return the path."""
        folder = QUICK if self.quick else RESULTS
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.bench}.json"
        rows = [
            {
                "system": system,
                "load": load,
                "rounds": {name: [rounded(value) for value in row[name]] for name in row},
            }
            for (system, load), row in self.rows.items()
        ]
        data = {
            "bench": self.bench,
            "axis": self.axis,
            "quick": self.quick,
            "machine": self.machine,
            "rows": rows,
        }
        path.write_text(json.dumps(data, indent=1) + "\n")
        return path

    @classmethod
    def load(cls, path: Path) -> Result:
        """Read what `save` wrote."""
        data = json.loads(path.read_text())
        result = cls(data["bench"], data["axis"], data["quick"])
        result.machine = data["machine"]
        result.rows = {(row["system"], row["load"]): row["rounds"] for row in data["rows"]}
        return result


def saved(folder: Path) -> list[Result]:
    """Return all results in a folder."""
    return [Result.load(path) for path in sorted(folder.glob("*.json"))]


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load_before": rounded(os.getloadavg()[0] or 0.001),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def stop_on_signals() -> None:
    """Exit on SIGINT or SIGTERM so that all processes are stopped; ignore further signals."""

    def end(number: int, _: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, end)


def command(measure: Callable[[Path, bool], Result], doc: str | None) -> None:
    """Run a measurement from the command line: measure, save, print the tables."""
    from bench.report import tables  # it reads results

    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="smaller loads, to check that it works"
    )
    args = parser.parse_args()
    stop_on_signals()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        result = measure(Path(folder), args.quick)
    path = result.save()
    sys.stdout.write(f"{tables(result)}\n\n{path}, {time.monotonic() - began:.0f} s\n")
