"""`make chat` prints only what the chat prints."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import directives
from tests.processes import ROOT
from tests.pty_terminal import Person

MAKE = ("make", "chat", f"VENV={sys.prefix}")


@pytest.fixture(autouse=True)
def _no_outer_make(monkeypatch):
    """Unset the variables with which a `make` around these tests would make the inner one print."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ada(system):
    """Ada at the prompt of `make chat`."""
    ada = Person(*MAKE, f"ARGS=--name Ada --url {system.web.url}")
    ada.is_asked()
    yield ada
    ada.close()


def test_a_person_chats_and_leaves(ada):
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    ada.presses("d")
    assert ada.sees_end() == 0
    assert "make" not in ada.screen


def test_ctrl_c_reaches_only_the_chat_however_often(system, ada):
    for _ in range(2):
        with directives.held(system, at=3) as hold:
            ada.types(hold.ask)
            ada.sees("echo: please w0")
            ada.presses("c")
            ada.sees("Stopped.")
            ada.is_asked()
    ada.types("hello")
    ada.sees("echo: hello")
    ada.is_asked()
    ada.presses("c")
    ada.sees("Ctrl-C again leaves.")
    ada.is_asked()
    ada.presses("c")
    assert ada.sees_end() == 0


def test_ctrl_z_does_not_suspend_a_chat_that_nobody_could_resume(ada):
    ada.presses("z")
    ada.types("hello")
    ada.sees("echo: hello")


def test_a_pipe_gets_only_the_reply_although_everything_must_be_installed_first(system, tmp_path):
    run = subprocess.run(
        [
            "make",
            "chat",
            f"VENV={tmp_path}",
            f"PYTHON={sys.executable}",
            "PIP=cat; echo installs",
            f"ARGS=--url {system.web.url}",
        ],
        cwd=ROOT,
        input=b"hello",
        capture_output=True,
        timeout=120,
    )
    assert (run.returncode, run.stdout) == (0, b"echo: hello\n"), run.stderr
    assert b"installs -r requirements-local.txt" in run.stderr
    assert (tmp_path / "local").exists()


def test_a_pipe_without_a_reply_gets_an_error_and_an_exit_code(system):
    run = subprocess.run(
        [*MAKE, f"ARGS=--url {system.web.url}"],
        cwd=ROOT,
        input=directives.status(401).encode(),
        capture_output=True,
        timeout=120,
    )
    assert run.stdout == b""
    assert run.stderr.startswith(b"Error: The model cannot be used as it is set up.")
    assert run.returncode != 0
