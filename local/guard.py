"""Ends the parts when the process that runs them was killed and cannot do so itself.

The guard is a process of its own that reads from a pipe whose other end only that process holds:
the pipe's end is that process's end. `python -m local.guard`
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


class Guard:
    """A guard over the process groups that it is told of."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.guard"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        """Have ``group`` killed if this process ends before `forget` was called."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Leave ``group`` alone from now on: it has ended."""
        self._tell(f"-{group}\n")

    def dismiss(self) -> None:
        """End the guard, and with it what it still watches."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=5)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        with contextlib.suppress(BrokenPipeError):  # somebody killed the guard: go on without
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def main() -> None:
    """Watch until the pipe ends."""
    groups: set[int] = set()
    for line in sys.stdin:
        if line.startswith("+"):
            groups.add(int(line))
        else:
            groups.discard(-int(line))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
