"""The whole chat as `make run` starts it: embedded Redis and model, web, worker and Flower."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from chat.settings import REDIS_VARIABLES
from local.port import free_port
from tests.clients import Plain, begin, history
from tests.local.test_model import PASSIVE_THREADS
from tests.local.test_supervisor import is_gone
from tests.processes import ROOT, wait_until


class Launcher:
    """`python -m local` on ports and data of its own."""

    def __init__(self, folder: Path, **env: str) -> None:
        unset = dict.fromkeys((*REDIS_VARIABLES, "MODEL_URL"), "")
        self.port, self.flower = free_port(), free_port()
        ports = {"PORT": str(self.port), "FLOWER_PORT": str(self.flower)}
        self._log = folder / "log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local", "--data", str(folder / "data")],
                cwd=ROOT,
                env=os.environ | PASSIVE_THREADS | unset | ports | env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.url = f"http://127.0.0.1:{self.port}"
        wait_until(lambda: self.has_printed(f"The chat is at {self.url}"))

    def has_printed(self, words: str) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        return words in self._log.read_text()

    def pids(self) -> dict[str, str]:
        """Return the commands of its processes and its own, by pid."""
        listing = subprocess.run(
            ["ps", "-eww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        ).stdout
        found = {str(self.process.pid): "launcher"}
        for line in listing.splitlines():
            pid, parent, command = line.split(None, 2)
            if parent in found:
                found[pid] = command
        return found

    def pid_of(self, words: str) -> int:
        """Return the pid of the first process with ``words`` in its command."""
        return int(next(pid for pid, command in self.pids().items() if words in command))

    def stop(self) -> None:
        """Press Ctrl-C; check that it exits with 0 and leaves no process."""
        running = self.pids()
        assert len(running) >= 6
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.process.wait(60) == 0, self._log.read_text()
        left = {pid: command for pid, command in running.items() if not is_gone(pid)}
        assert not left


@pytest.fixture
def launch(tmp_path):
    launched = []

    def start(**env: str) -> Launcher:
        launched.append(Launcher(tmp_path, **env))
        return launched[-1]

    yield start
    for launcher in launched:
        if launcher.process.poll() is None:
            launcher.process.kill()
            launcher.process.wait()


def answer(launcher: Launcher, token: str, text: str) -> str:
    socket = Plain(f"ws://127.0.0.1:{launcher.port}/chat", token)
    socket.say(text)
    reply = socket.reply()
    socket.close()
    assert "error" not in reply
    assert reply["msg"]
    return reply["msg"]


def test_it_answers_restarts_a_worker_stops_and_keeps_the_history(launch):
    launcher = launch()
    token = begin(launcher.url)
    answer(launcher, token, "Say hello.")
    assert requests.get(f"http://127.0.0.1:{launcher.flower}/healthcheck", timeout=10).ok
    listening = launcher.pids().values()
    assert any(re.search(r"redis-server 127\.0\.0\.1:", command) for command in listening)

    os.kill(launcher.pid_of("tasks worker"), signal.SIGKILL)
    answer(launcher, token, "And again.")
    before = history(launcher.url, token)
    launcher.stop()

    again = launch()
    assert history(again.url, token) == before
    again.stop()


def test_the_model_of_model_url_is_used(launch):
    launcher = launch(MODEL_URL=f"http://127.0.0.1:{free_port()}/v1/completions", MODEL_TIMEOUT="1")
    socket = Plain(f"ws://127.0.0.1:{launcher.port}/chat", begin(launcher.url))
    socket.say("Is anybody there?")
    assert socket.reply()["error"] in ("model_unavailable", "model_timeout")
    socket.close()
    assert not any("local.model" in command for command in launcher.pids().values())
