"""The processes of a measurement: the model's stand-in, and the load generator of a system."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

from tests.processes import ROOT, Process, free_port, wait_until

# Packages that only the measurements need have an environment of their own (`make bench`).
PYTHON = ROOT / ".venv-bench" / "bin" / "python"


class BrokenRun(Exception):
    """A system did not work, so its figures mean nothing."""


class BenchProcess(Process):
    """A process in the measurements' own environment."""

    def start(self) -> None:
        self.command[0] = str(PYTHON)
        super().start()


class TokenServer(BenchProcess):
    """The model's stand-in."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(["bench.token_server", str(self.port)], {}, log)
        wait_until(lambda: listens(self.port))


class Load:
    """A process that generates load on one system; see `bench.load`."""

    def __init__(self, port: int, dialect: str, log: Path) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [PYTHON, "-m", "bench.load", str(port), dialect],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
            )
        self._log = log

    def run(self, run: str, **job: Any) -> dict[str, float]:
        """Do a job of `bench.load.runs.Load`; return its figures.

        Raises:
            BrokenRun: A reply did not come whole, or the process ended.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"run": run, **job}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise BrokenRun(f"the load ended:\n{self._log.read_text()[-2000:]}")
        return checked(json.loads(line))

    def close(self) -> None:
        """End the process, which closes its WebSockets."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def checked(figures: dict[str, float]) -> dict[str, float]:
    """Return the figures.

    Raises:
        BrokenRun: A reply did not come whole, or none was asked for.
    """
    if "asked" in figures and not 0 < figures["asked"] == figures["whole"]:
        raise BrokenRun(f"{figures['whole']:.0f} of {figures['asked']:.0f} replies came whole")
    return figures


def listens(port: int) -> bool:
    """Whether a server listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
