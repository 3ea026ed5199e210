"""A part of the chat that runs as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# A longer line is shown in pieces, so that a part without line ends does not fill the memory.
_LONGEST_LINE = 16_384  # bytes


@dataclass(frozen=True, kw_only=True)
class Part:
    """What to run, how to see that it is ready, and how long it may take to stop."""

    name: str
    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path
    is_ready: Callable[[], bool]  # asked again and again while it starts; answers within 2 s
    stop_within: float  # seconds from SIGTERM until it is killed
    start_within: float = 60.0  # seconds until it is ready


class Run:
    """One run of a part, from its start to its end, with all the processes that it starts.

    It has a session of its own: a Ctrl-C in the terminal does not reach it.
    """

    def __init__(
        self, part: Part, say: Callable[[str, str], None], ended: Callable[[Run], None]
    ) -> None:
        """Start ``part``; ``say`` gets its lines and ``ended`` its end, in threads of their own."""
        self.part = part
        self._say = say
        self._ended = ended
        self._process = subprocess.Popen(
            part.command,
            cwd=part.folder,
            env=dict(part.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name=f"{part.name} says", daemon=True)
        self._reader.start()
        threading.Thread(target=self._wait, name=f"{part.name} ends", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether its process has ended."""
        return self._process.poll() is not None

    @property
    def end(self) -> str:
        """How it ended, in words."""
        code = self._process.returncode
        return f"code {code}" if code >= 0 else signal.Signals(-code).name

    def terminate(self) -> None:
        """Ask it to stop."""
        self._process.terminate()

    def kill(self) -> None:
        """End it and all that it has started, at once."""
        if not self.is_over:
            _kill_group(self.pid)

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        with self._process.stdout as pipe:
            while line := pipe.readline(_LONGEST_LINE):
                self._say(self.part.name, line.decode(errors="replace").rstrip("\r\n"))

    def _wait(self) -> None:
        self._process.wait()
        _kill_group(self.pid)  # what it left behind would hold its port
        self._reader.join(1.0)  # its last lines come before the news of its end
        self._ended(self)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
