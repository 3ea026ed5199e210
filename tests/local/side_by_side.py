"""Runs stand-ins under the supervisor.

usage: side_by_side.py FOLDER STOP_WITHIN NAME[:MANNER]...
"""

import sys
from pathlib import Path

from local.console import Console
from local.errors import CannotStart
from local.part import Part
from local.supervisor import Supervisor


def part(folder: Path, stop_within: float, name: str, *manners: str) -> Part:
    return Part(
        name=name,
        command=[sys.executable, "tests/local/stand_in.py", str(folder), name, *manners],
        folder=Path.cwd(),
        is_ready=(folder / f"{name}.starts").exists,
        stop_within=stop_within,
        start_within=0.5 if "late" in manners else 60.0,
    )


if __name__ == "__main__":
    folder, stop_within, *asked = sys.argv[1:]
    parts = [part(Path(folder), float(stop_within), *word.split(":")) for word in asked]
    try:
        Supervisor([parts[:1], parts[1:]], Console(sys.stdout, [p.name for p in parts])).run("UP")
    except CannotStart as error:
        sys.exit(str(error))
