"""Runs the whole chat on this machine: `python -m local`, called by `make run`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

from dotenv import dotenv_values

from chat.settings import SettingsError
from local.console import Console
from local.errors import CannotStart
from local.plan import PROJECT, Plan
from local.supervisor import Supervisor


def main() -> None:
    """Start all services, keep them running, and stop them in order on a signal."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=PROJECT / ".data", help="the folder in which chats are stored"
    )
    data: Path = parser.parse_args().data.resolve()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # the terminal may lack characters
    dotenv = {name: value or "" for name, value in dotenv_values(PROJECT / ".env").items()}
    try:
        plan = Plan({**dotenv, **os.environ}, data)
        names = [service.name for stage in plan.stages for service in stage]
        Supervisor(plan.stages, Console(sys.stdout, names)).run(plan.welcome)
    except (CannotStart, SettingsError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
