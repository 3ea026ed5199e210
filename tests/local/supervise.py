"""Runs fake services under the supervisor.

usage: supervise.py FOLDER STOP_WITHIN NAME[:BEHAVIOUR]...
"""

import sys
from pathlib import Path

from local.console import Console
from local.errors import CannotStart
from local.service import Service
from local.supervisor import Supervisor


def service(folder: Path, stop_within: float, name: str, *behaviours: str) -> Service:
    return Service(
        name=name,
        command=[sys.executable, "tests/local/fake_service.py", str(folder), name, *behaviours],
        folder=Path.cwd(),
        is_ready=(folder / f"{name}.starts").exists,
        stop_within=stop_within,
        start_within=0.5 if "late" in behaviours else 60.0,
    )


if __name__ == "__main__":
    folder, stop_within, *asked = sys.argv[1:]
    services = [service(Path(folder), float(stop_within), *word.split(":")) for word in asked]
    try:
        console = Console(sys.stdout, [s.name for s in services])
        Supervisor([services[:1], services[1:]], console).run("UP")
    except CannotStart as error:
        sys.exit(str(error))
