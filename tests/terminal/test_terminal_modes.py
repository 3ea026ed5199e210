"""The terminal's modes are restored whenever the client ends or is suspended."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import sys
from contextlib import contextmanager

import pytest

from tests import directives
from tests.pty_terminal import CHAT, PROMPT, Person, person
from tests.terminal.http_server import TOKEN, http_server

END_SIGNALS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
RARE_END_SIGNALS = (signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU)
PARTIAL = "echo: please w0"


@contextmanager
def at_the_prompt(system):
    with person(system.web.url) as ada:
        ada.is_asked()
        yield ada


@contextmanager
def during_a_reply(system):
    with at_the_prompt(system) as ada, directives.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees(PARTIAL)
        assert not ada.echoes
        yield ada


@contextmanager
def at_the_first_message_of_another_chat(system):
    with at_the_prompt(system) as ada, directives.held(system, at=3) as hold:
        ada.types("/new")
        ada.is_asked()
        ada.types(hold.ask)
        ada.sees(PARTIAL)
        yield ada


@contextmanager
def beginning_a_session(_):
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        person(f"http://127.0.0.1:{listener.getsockname()[1]}") as ada,
        listener.accept()[0] as asked,
    ):
        asked.recv(1)
        yield ada


@contextmanager
def connecting(_):
    with http_server(200, json.dumps({"token": TOKEN}).encode()) as (url, _), person(url) as ada:
        ada.sees("cannot be reached by WebSocket (HTTP 200)")
        yield ada


MOMENTS = [
    at_the_prompt,
    during_a_reply,
    at_the_first_message_of_another_chat,
    beginning_a_session,
    connecting,
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
def test_every_signal_that_ends_the_client_restores_the_modes(system, moment):
    for number in (*END_SIGNALS, *(RARE_END_SIGNALS if moment is during_a_reply else ())):
        with moment(system) as ada:
            ada.signal(number)
            # A shell reports the same exit code for both.
            assert ada.sees_end() in (128 + number, -number), number
            assert ada.echoes, number
            assert ada.raw.count("\x1b[?2004h") == ada.raw.count("\x1b[?2004l"), number
            assert "Traceback" not in ada.screen, number


@pytest.mark.parametrize("moment", MOMENTS[:3], ids=lambda moment: moment.__name__)
def test_ctrl_backslash_restores_the_modes(system, moment):
    with moment(system) as ada:
        ada.presses("\\")
        assert ada.sees_end() == 128 + signal.SIGQUIT
        assert ada.echoes


def test_many_signals_at_once_restore_the_modes(system):
    with during_a_reply(system) as ada:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
            ada.signal(number)
        assert ada.sees_end() - 128 in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT)
        assert ada.echoes


def test_a_signal_ends_a_client_whose_output_ctrl_s_has_stopped(system):
    with during_a_reply(system) as ada:
        ada.presses("s")
        ada.signal(signal.SIGTERM)
        assert ada.sees_end() == 128 + signal.SIGTERM
        assert ada.echoes


def test_a_signal_that_was_ignored_from_the_start_stays_ignored(system):
    command = f"trap '' HUP; exec {' '.join(CHAT)} --name Ada --url {system.web.url}"
    ada = Person("/bin/sh", "-c", command)
    ada.is_asked()
    ada.signal(signal.SIGHUP)
    ada.types("hello")
    ada.sees("echo: hello")
    ada.close()


@pytest.mark.parametrize("replying", [False, True], ids=["at the prompt", "during a reply"])
def test_a_terminal_that_is_gone_ends_the_client_without_an_error(system, tmp_path, replying):
    errors = tmp_path / "errors"
    with directives.held(system, at=3) as hold:
        pid, keyboard = pty.fork()
        if not pid:
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
            os.execv(sys.executable, [*CHAT, "--name", "Ada", "--url", system.web.url])  # noqa: S606
        seen = b""
        for line, answer in ((PROMPT, f"{hold.ask}\n"), (PARTIAL, "")):
            while line.encode() not in seen.split(b"Bot:")[-1 if line == PARTIAL else 0]:
                seen += os.read(keyboard, 4096)
            if not replying:
                break
            os.write(keyboard, answer.encode())
        os.close(keyboard)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGHUP
    assert errors.read_text() == ""


def test_a_bug_restores_the_modes(system):
    bug = "from terminal.transcript import Transcript; Transcript._reply = lambda *_: 1 / 0"
    options = ["--name", "Ada", "--url", system.web.url]
    start = f"from terminal.command_line import chat; chat({options!r})"
    ada = Person(sys.executable, "-c", f"{bug}; {start}")
    ada.is_asked()
    ada.types("hello")
    assert ada.sees_end() == 1
    assert ada.echoes
    ada.close()


@pytest.fixture
def shell():
    """A shell with job control that does not change the terminal's modes itself."""
    shell = Person("/bin/sh", "-i", env={"PS1": "shell> ", "ENV": ""})
    shell.sees("shell> ")
    yield shell
    shell.close()


def test_ctrl_z_restores_the_modes_for_the_shell_and_fg_sets_them_again(system, shell):
    with directives.held(system, at=3) as hold:
        shell.types(f"{' '.join(CHAT)} --name Ada --url {system.web.url}; echo code=$?")
        shell.sees(PROMPT)
        shell.types(hold.ask)
        shell.sees(PARTIAL)
        shell.presses("z")
        shell.sees("shell> ")
        assert shell.echoes
        shell.types("fg")
        shell.sees("fg")
        hold.release()
        shell.sees("w11")
        shell.sees(PROMPT)
    shell.strikes("half a ")
    shell.sees("half a ")
    shell.presses("z")
    shell.sees("\x1b[?2004l")
    shell.sees("shell> ")
    assert shell.echoes
    shell.types("fg")
    shell.sees("\x1b[?2004h")
    shell.sees("Ada: half a ")
    shell.types("line")
    shell.sees("echo: half a line")
    shell.sees(PROMPT)
    shell.presses("\\")
    shell.sees("shell> ")
    assert shell.echoes
