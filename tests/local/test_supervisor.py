"""The supervisor, on small real processes: what it starts, heals, and stops in order."""

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
    """Start the supervisor in a session of its own, and see to it that nothing stays."""
    started = []

    def start(*parts: str, stop_within: float = WITHIN) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.local.side_by_side", str(tmp_path)]
        launcher = subprocess.Popen(
            [*command, str(stop_within), *parts],
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
            launcher.kill()  # the guard ends the parts
        launcher.wait()
        launcher.stdout.close()


def until(launcher: subprocess.Popen[str], words: str) -> list[str]:
    """Read the launcher's lines up to the one with ``words``."""
    lines = []
    for line in launcher.stdout:
        lines.append(line.rstrip("\n"))
        if words in line:
            return lines
    raise AssertionError(f"{words!r} was not said: {lines}")


def words_in(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def is_gone(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True)
    return state.stdout.strip()[:1] in ("", "Z")


def nothing_is_left(folder: Path, least: int) -> bool:
    pids = words_in(folder / "pids")
    assert len(pids) >= least
    return all(map(is_gone, pids))


def test_all_start_and_their_lines_bear_their_names(launch):
    launcher = launch("a", "bcd")
    said = until(launcher, "UP")
    launcher.terminate()
    said += launcher.communicate(timeout=WITHIN)[0].splitlines()
    assert said.count("a   | a says hello") == said.count("bcd | bcd says hello") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_terminal_stops_them_in_order(launch, tmp_path, number):
    launcher = launch("redis", "worker:parent", "web:parent")
    until(launcher, "UP")
    os.killpg(launcher.pid, number)
    assert launcher.wait(WITHIN) == 0
    assert words_in(tmp_path / "left") == ["web", "worker", "redis"]
    assert not words_in(tmp_path / "interrupted")
    assert nothing_is_left(tmp_path, 5)


def test_a_part_that_does_not_stop_in_time_is_killed(launch, tmp_path):
    launcher = launch("redis", "web:stubborn:parent", stop_within=1.0)
    until(launcher, "UP")
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(WITHIN) == 0
    assert words_in(tmp_path / "left") == ["web", "redis"]
    assert nothing_is_left(tmp_path, 3)


def test_a_second_ctrl_c_kills_at_once(launch, tmp_path):
    launcher = launch("redis", "web:stubborn:parent", stop_within=600)
    until(launcher, "UP")
    launcher.send_signal(signal.SIGINT)
    wait_until(lambda: words_in(tmp_path / "left"))
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(WITHIN) == 0
    assert words_in(tmp_path / "left") == ["web"]  # redis was not asked
    assert nothing_is_left(tmp_path, 3)


def test_a_second_sigterm_goes_on_stopping_in_order(launch, tmp_path):
    launcher = launch("redis", "web:stubborn", stop_within=2.0)
    until(launcher, "UP")
    launcher.send_signal(signal.SIGTERM)  # `make` passes on what the terminal has sent already
    wait_until(lambda: words_in(tmp_path / "left"))
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(WITHIN) == 0
    assert words_in(tmp_path / "left") == ["web", "redis"]


@pytest.mark.parametrize("name", ["redis", "web"])
def test_a_part_that_was_killed_starts_again(launch, tmp_path, name):
    launcher = launch("redis", "web:parent")
    until(launcher, "UP")
    first = words_in(tmp_path / f"{name}.starts")
    os.kill(int(first[0]), signal.SIGKILL)
    wait_until(lambda: len(words_in(tmp_path / f"{name}.starts")) == 2)
    launcher.send_signal(signal.SIGINT)
    assert "ended (SIGKILL), starts again in 0.5 s" in launcher.communicate(timeout=WITHIN)[0]
    assert words_in(tmp_path / "left") == ["web", "redis"]
    assert nothing_is_left(tmp_path, 4)


def test_what_a_killed_part_had_started_goes_with_it(launch, tmp_path):
    launcher = launch("redis", "web:parent")
    until(launcher, "UP")
    grandchild = words_in(tmp_path / "pids")[1]
    assert not is_gone(grandchild)
    os.kill(int(words_in(tmp_path / "web.starts")[0]), signal.SIGKILL)
    wait_until(lambda: is_gone(grandchild))


def test_a_part_that_ends_again_and_again_starts_less_and_less_often(launch, tmp_path):
    (tmp_path / "web.starts").touch()  # it is ready from the first
    launcher = launch("redis", "web")
    until(launcher, "UP")
    for delay in ("0.5", "1", "2"):
        starts = words_in(tmp_path / "web.starts")
        wait_until(lambda now=starts: words_in(tmp_path / "web.starts") != now or now)
        os.kill(int(words_in(tmp_path / "web.starts")[-1]), signal.SIGKILL)
        until(launcher, f"starts again in {delay} s")
        before = words_in(tmp_path / "web.starts")
        wait_until(lambda now=before: words_in(tmp_path / "web.starts") != now)


def test_the_death_of_the_launcher_ends_all(launch, tmp_path):
    launcher = launch("redis", "web:parent")
    until(launcher, "UP")
    launcher.kill()
    wait_until(lambda: nothing_is_left(tmp_path, 3))


def test_a_part_that_ends_before_it_is_ready_ends_the_start(launch, tmp_path):
    launcher = launch("redis", "never:ends")
    said = launcher.communicate(timeout=WITHIN)[0]
    assert "never ended (code 7) before it was ready" in said
    assert "Traceback" not in said
    assert launcher.returncode == 1
    assert words_in(tmp_path / "left") == ["redis"]
    assert nothing_is_left(tmp_path, 2)


def test_a_part_that_is_not_ready_in_time_ends_the_start(launch, tmp_path):
    launcher = launch("redis", "web:slow:late")
    assert "web took more than 0.5 s to be ready" in launcher.communicate(timeout=WITHIN)[0]
    assert launcher.returncode == 1
    assert nothing_is_left(tmp_path, 2)


def test_ctrl_c_while_it_starts_stops_what_has_started(launch, tmp_path):
    launcher = launch("redis", "web:slow")
    until(launcher, "redis says hello")
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(WITHIN) == 0
    assert nothing_is_left(tmp_path, 1)


def test_it_stops_in_order_though_nobody_reads_its_lines_any_more(launch, tmp_path):
    launcher = launch("redis", "web")
    until(launcher, "UP")
    launcher.stdout.close()
    launcher.send_signal(signal.SIGHUP)
    assert launcher.wait(WITHIN) == 0
    assert words_in(tmp_path / "left") == ["web", "redis"]
