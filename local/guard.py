"""Kills the services if the supervisor was killed and cannot stop them itself.

The guard is a process of its own, `python -m local.guard`. It reads from a pipe whose other end is
open only in the supervisor, so the pipe ends when the supervisor ends.
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
    """Starts the guard process and sends it the process groups to watch."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.guard"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        """Have the process group killed if this process ends before `unwatch`."""
        self._send(f"+{group}\n")

    def unwatch(self, group: int) -> None:
        """Stop watching a process group, since it has ended."""
        self._send(f"-{group}\n")

    def close(self) -> None:
        """End the guard. It kills the groups that it still watches."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=5)

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        with contextlib.suppress(BrokenPipeError):  # the guard was killed: continue without it
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def main() -> None:
    """Read process groups until the pipe ends, then kill those that are left."""
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
