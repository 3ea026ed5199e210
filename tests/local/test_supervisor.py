"""The supervisor with small real processes: it starts, restarts and stops them in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT, wait_until

WITHIN = 30.0  # seconds

Launch = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Start the supervisor in a session of its own; leave no process behind."""
    started = []

    def start(*services: str, stop_within: float = WITHIN) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.local.supervise", str(tmp_path)]
        launcher = subprocess.Popen(
            [*command, str(stop_within), *services],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(launcher)
        return launcher

    yield start
    for launcher in started:
        if launcher.poll() is None:
            launcher.kill()  # the guard kills the services
        launcher.wait()
        launcher.stdout.close()


def read_until(launcher: subprocess.Popen[str], words: str) -> list[str]:
    """Read the launcher's lines up to the one with ``words``."""
    lines = []
    for line in launcher.stdout:
        lines.append(line.rstrip("\n"))
        if words in line:
            return lines
    raise AssertionError(f"{words!r} was not printed: {lines}")


def words_in(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def is_gone(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True)
    return state.stdout.strip()[:1] in ("", "Z")


def all_are_gone(folder: Path, at_least: int) -> bool:
    pids = words_in(folder / "pids")
    assert len(pids) >= at_least
    return all(map(is_gone, pids))


def test_all_start_and_each_line_has_its_services_name(launch):
    launcher = launch("a", "bcd")
    lines = read_until(launcher, "UP")
    launcher.terminate()
    lines += launcher.communicate(timeout=WITHIN)[0].splitlines()
    assert lines.count("a   | a says hello") == lines.count("bcd | bcd says hello") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_terminal_stops_them_in_order(launch, tmp_path, number):
    launcher = launch("redis", "worker:parent", "web:parent")
    read_until(launcher, "UP")
    os.killpg(launcher.pid, number)
    assert launcher.wait(WITHIN) == 0
    assert words_in(tmp_path / "stopped") == ["web", "worker", "redis"]
    assert not words_in(tmp_path / "interrupted")
    assert all_are_gone(tmp_path, 5)


def test_a_service_that_does_not_stop_in_time_is_killed(launch, tmp_path):
    launcher = launch("redis", "web:stubborn:parent", stop_within=1.0)
    read_until(launcher, "UP")
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(WITHIN) == 0
    assert words_in(tmp_path / "stopped") == ["web", "redis"]
    assert all_are_gone(tmp_path, 3)


def test_a_second_ctrl_c_kills_at_once(launch, tmp_path):
    launcher = launch("redis", "web:stubborn:parent", stop_within=600)
    read_until(launcher, "UP")
    launcher.send_signal(signal.SIGINT)
    wait_until(lambda: words_in(tmp_path / "stopped"))
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(WITHIN) == 0
    assert words_in(tmp_path / "stopped") == ["web"]  # redis got no SIGTERM
    assert all_are_gone(tmp_path, 3)


def test_after_a_second_sigterm_it_still_stops_in_order(launch, tmp_path):
    launcher = launch("redis", "web:stubborn", stop_within=2.0)
    read_until(launcher, "UP")
    launcher.send_signal(signal.SIGTERM)  # `make` sends it again after the terminal
    wait_until(lambda: words_in(tmp_path / "stopped"))
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(WITHIN) == 0
    assert words_in(tmp_path / "stopped") == ["web", "redis"]


@pytest.mark.parametrize("name", ["redis", "web"])
def test_a_killed_service_starts_again(launch, tmp_path, name):
    launcher = launch("redis", "web:parent")
    read_until(launcher, "UP")
    first = words_in(tmp_path / f"{name}.starts")
    os.kill(int(first[0]), signal.SIGKILL)
    wait_until(lambda: len(words_in(tmp_path / f"{name}.starts")) == 2)
    launcher.send_signal(signal.SIGINT)
    assert "ended (SIGKILL), starts again in 0.5 s" in launcher.communicate(timeout=WITHIN)[0]
    assert words_in(tmp_path / "stopped") == ["web", "redis"]
    assert all_are_gone(tmp_path, 4)


def test_the_children_of_a_killed_service_are_killed(launch, tmp_path):
    launcher = launch("redis", "web:parent")
    read_until(launcher, "UP")
    grandchild = words_in(tmp_path / "pids")[1]
    assert not is_gone(grandchild)
    os.kill(int(words_in(tmp_path / "web.starts")[0]), signal.SIGKILL)
    wait_until(lambda: is_gone(grandchild))


def test_the_delay_before_a_restart_doubles(launch, tmp_path):
    (tmp_path / "web.starts").touch()  # ready from the beginning
    launcher = launch("redis", "web")
    read_until(launcher, "UP")
    for delay in ("0.5", "1", "2"):
        starts = words_in(tmp_path / "web.starts")
        wait_until(lambda now=starts: words_in(tmp_path / "web.starts") != now or now)
        os.kill(int(words_in(tmp_path / "web.starts")[-1]), signal.SIGKILL)
        read_until(launcher, f"starts again in {delay} s")
        before = words_in(tmp_path / "web.starts")
        wait_until(lambda now=before: words_in(tmp_path / "web.starts") != now)


def test_all_services_end_when_the_supervisor_is_killed(launch, tmp_path):
    launcher = launch("redis", "web:parent")
    read_until(launcher, "UP")
    launcher.kill()
    wait_until(lambda: all_are_gone(tmp_path, 3))


def test_a_service_that_ends_before_it_is_ready_ends_the_start(launch, tmp_path):
    launcher = launch("redis", "never:ends")
    output = launcher.communicate(timeout=WITHIN)[0]
    assert "never ended (code 7) before it was ready" in output
    assert "Traceback" not in output
    assert launcher.returncode == 1
    assert words_in(tmp_path / "stopped") == ["redis"]
    assert all_are_gone(tmp_path, 2)


def test_a_service_that_is_not_ready_in_time_ends_the_start(launch, tmp_path):
    launcher = launch("redis", "web:slow:late")
    assert "web took more than 0.5 s to be ready" in launcher.communicate(timeout=WITHIN)[0]
    assert launcher.returncode == 1
    assert all_are_gone(tmp_path, 2)


def test_ctrl_c_during_the_start_stops_the_started_services(launch, tmp_path):
    launcher = launch("redis", "web:slow")
    read_until(launcher, "redis says hello")
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(WITHIN) == 0
    assert all_are_gone(tmp_path, 1)


def test_it_stops_in_order_after_its_terminal_was_closed(launch, tmp_path):
    launcher = launch("redis", "web")
    read_until(launcher, "UP")
    launcher.stdout.close()
    launcher.send_signal(signal.SIGHUP)
    assert launcher.wait(WITHIN) == 0
    assert words_in(tmp_path / "stopped") == ["web", "redis"]
