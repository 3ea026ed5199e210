"""Real processes for tests: web, worker and the model's stand-in, each on a free port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parent.parent
READY_WITHIN = 60.0  # seconds, on a busy machine


def free_port() -> int:
    """Return a free port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(happened: Callable[[], object], within: float = READY_WITHIN) -> None:
    """Poll until ``happened`` returns a true value."""
    deadline = time.monotonic() + within
    while not happened():
        assert time.monotonic() < deadline, f"{happened} did not come true in {within} s"
        time.sleep(0.02)


class Process:
    """A process of the system, in a session of its own, with its output in a file."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self.command = [sys.executable, "-m", *command]
        # Of a variable that goes before REDIS_URL, only a test's own value counts.
        self.env = {**os.environ, "REDIS_TLS_URL": "", **env}
        self.log = log
        self.start()

    def start(self) -> None:
        """Start it, again if it has ended."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def output(self) -> str:
        """Return its whole output so far."""
        return self.log.read_text(errors="replace")

    def records(self, *, after: int = 0) -> list[dict[str, Any]]:
        """Return its log lines that are JSON, after the first ``after`` characters of its output.

        A line that is still being written is not among them.
        """
        lines = self.output()[after:].splitlines(keepends=True)
        return [json.loads(line) for line in lines if line[:1] == "{" and line[-1:] == "\n"]

    def signal(self, number: int) -> None:
        """Send a signal to it and its children."""
        if self.running:
            os.killpg(self.pid, number)

    def wait(self, within: float = READY_WITHIN) -> int:
        """Wait until it ends; return its exit code."""
        return self._process.wait(within)

    def freeze(self) -> None:
        """Suspend it, like a machine that is out of memory."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """Stop it with SIGTERM; kill it and raise if it does not end."""
        self.signal(signal.SIGTERM)
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise


class Web(Process):
    """A web process."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws = f"ws://127.0.0.1:{self.port}/chat"
        super().__init__(["gunicorn", "--bind", f"127.0.0.1:{self.port}"], env, log)

    def ready(self) -> None:
        """Wait until it serves."""

        def serves() -> bool:
            assert self.running, self.output()
            try:
                return requests.get(f"{self.url}/test", timeout=5).ok
            except (requests.ConnectionError, requests.Timeout):
                return False

        wait_until(serves)


class Worker(Process):
    """A worker process."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        name = f"worker-{free_port()}@test"
        command = ["celery", "-A", "tasks", "worker", "-n", name, "--loglevel", "INFO"]
        self._name = name
        super().__init__(command, env, log)

    def start(self) -> None:
        self._before = self.output().count("ready.") if self.log.exists() else 0
        super().start()

    def ready(self) -> None:
        """Wait until it takes tasks."""

        def is_ready() -> bool:
            assert self.running, self.output()
            return self.output().count(f"{self._name} ready.") > self._before

        wait_until(is_ready)
