"""A part that does nothing but tell of its life in files of its folder, named for it.

usage: stand_in.py FOLDER NAME [stubborn] [parent] [slow] [ends]
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

folder, name, *manners = sys.argv[1:]


def note(file: str, word: object) -> None:
    with (Path(folder) / file).open("a") as out:
        out.write(f"{word}\n")


def leave(*_: object) -> None:
    note("left", name)
    if "stubborn" not in manners:
        sys.exit()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, lambda *_: note("interrupted", name))
    if "parent" in manners:  # of a child that outlives whatever is waited for
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        note("pids", child.pid)
    note("pids", os.getpid())
    print(f"{name} says hello", flush=True)
    if "slow" not in manners and "ends" not in manners:
        note(f"{name}.starts", os.getpid())  # which is when it is ready
    while "ends" not in manners:
        time.sleep(600)  # until a signal: that is what the tests send
    sys.exit(7)
