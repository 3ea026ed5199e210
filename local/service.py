"""A service of the chat: what to run, and the process that runs it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# A longer line is printed in pieces, so that output without line ends does not fill the memory.
_MAX_LINE = 16_384  # bytes


@dataclass(frozen=True, kw_only=True)
class Service:
    """A command, how to check that it is ready, and how long it may take to start and stop."""

    name: str
    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path
    is_ready: Callable[[], bool]  # polled while the service starts; must return within 2 s
    stop_within: float  # seconds from SIGTERM until it is killed
    start_within: float = 60.0  # seconds until it is ready


class ServiceProcess:
    """One process of a service, with all the processes that it starts.

    It runs in a session of its own, so a Ctrl-C in the terminal does not reach it.
    """

    def __init__(
        self,
        service: Service,
        on_output: Callable[[str, str], None],
        on_exit: Callable[[ServiceProcess], None],
    ) -> None:
        """Start the service.

        ``on_output`` is called with the service's name and each line, ``on_exit`` after the process
        has ended. Both are called from threads of their own.
        """
        self.service = service
        self._on_output = on_output
        self._on_exit = on_exit
        self._process = subprocess.Popen(
            service.command,
            cwd=service.folder,
            env=dict(service.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(
            target=self._read_output, name=f"{service.name} output", daemon=True
        )
        self._reader.start()
        threading.Thread(
            target=self._wait_for_exit, name=f"{service.name} exit", daemon=True
        ).start()

    @property
    def exited(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @property
    def exit_reason(self) -> str:
        """The exit code or the signal that ended the process, in words."""
        code = self._process.returncode
        return f"code {code}" if code >= 0 else signal.Signals(-code).name

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Kill the process and all that it has started."""
        if not self.exited:
            _kill_group(self.pid)

    def _read_output(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        with self._process.stdout as pipe:
            while line := pipe.readline(_MAX_LINE):
                self._on_output(self.service.name, line.decode(errors="replace").rstrip("\r\n"))

    def _wait_for_exit(self) -> None:
        self._process.wait()
        _kill_group(self.pid)  # a child that is left would keep the service's port open
        self._reader.join(1.0)  # the last lines are printed before the exit is reported
        self._on_exit(self)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
