"""Runs the whole chat on this machine: `python -m local`, which is what `make run` calls."""

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
from local.parts import PROJECT, Plan
from local.supervisor import Supervisor


def main() -> None:
    """Start all parts, keep them running, and stop them in order when asked to."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=PROJECT / ".data", help="the folder in which chats are kept"
    )
    data: Path = parser.parse_args().data.resolve()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # parts may say what this terminal cannot show
    dotenv = {name: value or "" for name, value in dotenv_values(PROJECT / ".env").items()}
    try:
        plan = Plan({**dotenv, **os.environ}, data)
        names = [part.name for stage in plan.stages for part in stage]
        Supervisor(plan.stages, Console(sys.stdout, names)).run(plan.welcome)
    except (CannotStart, SettingsError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
