"""A service that does nothing but write its starts, pids and signals to files in its folder.

usage: fake_service.py FOLDER NAME [stubborn] [parent] [slow] [ends]
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

folder, name, *behaviours = sys.argv[1:]


def record(file: str, word: object) -> None:
    with (Path(folder) / file).open("a") as out:
        out.write(f"{word}\n")


def stop(*_: object) -> None:
    record("stopped", name)
    if "stubborn" not in behaviours:
        sys.exit()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, lambda *_: record("interrupted", name))
    if "parent" in behaviours:  # of a child that outlives the test
        # Longer than any test: the supervisor must end it.
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        record("pids", child.pid)
    record("pids", os.getpid())
    print(f"{name} says hello", flush=True)
    if "slow" not in behaviours and "ends" not in behaviours:
        record(f"{name}.starts", os.getpid())  # the supervisor takes this file as ready
    while "ends" not in behaviours:
        time.sleep(600)  # until the test sends a signal
    sys.exit(7)
