"""The terminal is as it was before, whatever ends or stops the client."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import sys
from contextlib import contextmanager

import pytest

from tests import directives as asks
from tests.pty_terminal import CHAT, PROMPT, Person, person
from tests.terminal.answering import answering

TOKEN = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
ENDS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
RARE_ENDS = (signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU)
BEGUN = "echo: please w0"


@contextmanager
def at_the_prompt(system):
    with person(system.web.url) as ada:
        ada.is_asked()
        yield ada


@contextmanager
def in_mid_reply(system):
    with at_the_prompt(system) as ada, asks.held(system, at=3) as hold:
        ada.types(hold.ask)
        ada.sees(BEGUN)
        assert not ada.echoes
        yield ada


@contextmanager
def at_the_first_message_of_another_chat(system):
    with at_the_prompt(system) as ada, asks.held(system, at=3) as hold:
        ada.types("/new")
        ada.is_asked()
        ada.types(hold.ask)
        ada.sees(BEGUN)
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
    with answering(200, json.dumps({"token": TOKEN}).encode()) as (url, _), person(url) as ada:
        ada.sees("cannot be reached by WebSocket (HTTP 200)")
        yield ada


MOMENTS = [
    at_the_prompt,
    in_mid_reply,
    at_the_first_message_of_another_chat,
    beginning_a_session,
    connecting,
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
def test_every_signal_that_ends_the_client_leaves_the_terminal_in_order(system, moment):
    for number in (*ENDS, *(RARE_ENDS if moment is in_mid_reply else ())):
        with moment(system) as ada:
            ada.signal(number)
            # A shell gives both the same exit code.
            assert ada.sees_end() in (128 + number, -number), number
            assert ada.echoes, number
            assert ada.raw.count("\x1b[?2004h") == ada.raw.count("\x1b[?2004l"), number
            assert "Traceback" not in ada.screen, number


@pytest.mark.parametrize("moment", MOMENTS[:3], ids=lambda moment: moment.__name__)
def test_ctrl_backslash_leaves_with_the_terminal_in_order(system, moment):
    with moment(system) as ada:
        ada.presses("\\")
        assert ada.sees_end() == 128 + signal.SIGQUIT
        assert ada.echoes


def test_many_signals_at_once_leave_it_in_order(system):
    with in_mid_reply(system) as ada:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
            ada.signal(number)
        assert ada.sees_end() - 128 in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT)
        assert ada.echoes


def test_a_signal_ends_a_client_whose_output_ctrl_s_holds(system):
    with in_mid_reply(system) as ada:
        ada.presses("s")
        ada.signal(signal.SIGTERM)
        assert ada.sees_end() == 128 + signal.SIGTERM
        assert ada.echoes


def test_a_signal_that_was_ignored_from_the_start_stays_so(system):
    command = f"trap '' HUP; exec {' '.join(CHAT)} --name Ada --url {system.web.url}"
    ada = Person("/bin/sh", "-c", command)
    ada.is_asked()
    ada.signal(signal.SIGHUP)
    ada.types("hello")
    ada.sees("echo: hello")
    ada.close()


@pytest.mark.parametrize("begun", [False, True], ids=["at the prompt", "in mid-reply"])
def test_a_terminal_that_is_gone_ends_the_client_without_a_word(system, tmp_path, begun):
    errors = tmp_path / "errors"
    with asks.held(system, at=3) as hold:
        pid, keyboard = pty.fork()
        if not pid:
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
            os.execv(sys.executable, [*CHAT, "--name", "Ada", "--url", system.web.url])  # noqa: S606
        seen = b""
        for line, answer in ((PROMPT, f"{hold.ask}\n"), (BEGUN, "")):
            while line.encode() not in seen.split(b"Bot:")[-1 if line == BEGUN else 0]:
                seen += os.read(keyboard, 4096)
            if not begun:
                break
            os.write(keyboard, answer.encode())
        os.close(keyboard)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGHUP
    assert errors.read_text() == ""


def test_a_fault_of_our_own_leaves_it_in_order(system):
    fault = "from terminal.transcript import Transcript; Transcript._reply = lambda *_: 1 / 0"
    start = f"import sys; from flask.cli import main; sys.argv = {['flask', *CHAT[3:]]}"
    options = f"sys.argv += ['--name', 'Ada', '--url', {system.web.url!r}]"
    ada = Person(sys.executable, "-c", f"{fault}; {start}; {options}; main()")
    ada.is_asked()
    ada.types("hello")
    assert ada.sees_end() == 1
    assert ada.echoes
    ada.close()


@pytest.fixture
def shell():
    """A shell that has jobs and leaves the terminal's modes alone, as most do not."""
    with_jobs = Person("/bin/sh", "-i", env={"PS1": "shell> ", "ENV": ""})
    with_jobs.sees("shell> ")
    yield with_jobs
    with_jobs.close()


def test_ctrl_z_gives_the_terminal_to_the_shell_and_takes_it_back(system, shell):
    with asks.held(system, at=3) as hold:
        shell.types(f"{' '.join(CHAT)} --name Ada --url {system.web.url}; echo code=$?")
        shell.sees(PROMPT)
        shell.types(hold.ask)
        shell.sees(BEGUN)
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
