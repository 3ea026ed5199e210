"""A program says one message through a pipe, through web, worker and Redis."""

from __future__ import annotations

import fcntl
import signal
import struct
import subprocess
import termios

import pytest
import requests

from tests import directives as asks
from tests.clients import begin
from tests.processes import ROOT, free_port, wait_until
from tests.pty_terminal import CHAT, pipe, piping


def sentence(run):
    """Return what a refusal says; it is one sentence, and nothing else is printed."""
    assert run.stdout == b""
    error = run.stderr.decode()
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    return error.removeprefix("Error: ").rstrip("\n")


def unread(given):
    """Return how many bytes of a pipe nobody has read yet."""
    return struct.unpack("i", fcntl.ioctl(given, termios.FIONREAD, b"\0" * 4))[0]


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("hello\n", "echo: hello\n"),
        ("  one\ntwo\n\n", "echo: one\ntwo\n"),
        ("名前 é", "echo: 名前 é\n"),
        (b"\xff and more", "echo: \ufffd and more\n"),
    ],
)
def test_a_reply_is_all_that_is_printed(system, given, printed):
    run = pipe(system.web.url, given)
    assert (run.returncode, run.stdout.decode(), run.stderr) == (0, printed, b"")


def test_a_reply_is_printed_while_it_comes(system):
    with asks.held(system, at=3) as hold, piping(system.web.url, hold.ask) as chat:
        assert chat.stdout.read(len("echo: please w0")) == "echo: please w0"
        hold.release()
        assert chat.stdout.read() == hold.text.removeprefix("echo: please w0") + "\n"
        assert chat.wait() == 0


def test_a_pipe_can_go_on_with_a_chat(system, tmp_path):
    token_file = str(tmp_path / "token")
    assert pipe(system.web.url, "first", "--token-file", token_file).returncode == 0
    assert pipe(system.web.url, "second", "--token-file", token_file).stdout == b"echo: second\n"
    asked = asks.requests_with(system, "Human: second")
    assert "Human: first Bot: echo: first Human: second" in asked[-1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "There is nothing to say: standard input is empty."),
        (" \n", "There is nothing to say: standard input is empty."),
        ("x" * 4001, "That message is too long. Please shorten it."),
        ("x" * 70_000, "That message is too long."),
        (asks.status(401), "The model could not answer this message. Please try another wording."),
    ],
)
def test_what_cannot_be_answered_is_told(system, text, told):
    run = pipe(system.web.url, text)
    assert sentence(run) == told
    assert run.returncode == 1


@pytest.mark.parametrize("name", [" ", "x" * 101])
def test_a_name_that_is_refused_is_told(system, name):
    run = pipe(system.web.url, "hello", "--name", name)
    assert sentence(run) == "The chat does not take this name: Enter a valid name."
    assert run.returncode == 1


def test_a_place_without_a_chat_is_told():
    run = pipe(f"http://127.0.0.1:{free_port()}", "hello")
    assert sentence(run).startswith("Nothing answers at http://127.0.0.1:")
    assert run.returncode == 1


def test_a_chat_that_is_erased_meanwhile_is_told(system, tmp_path):
    token = begin(system.web.url)
    token_file = tmp_path / "token"
    token_file.touch(0o600)
    token_file.write_text(token)
    with (
        asks.held(system, at=3) as hold,
        piping(system.web.url, hold.ask, "--token-file", str(token_file)) as chat,
    ):
        hold.wait()
        requests.delete(f"{system.web.url}/token?token={token}", timeout=20)
        assert chat.stderr.read() == "Error: This chat has expired or was erased.\n"
        assert chat.wait() == 1


def test_an_interrupt_stops_the_reply_and_ends(system):
    with asks.held(system, at=3) as hold, piping(system.web.url, hold.ask) as chat:
        printed = chat.stdout.read(len("echo: please w0"))
        chat.send_signal(signal.SIGINT)
        assert (printed + chat.stdout.read(), chat.stderr.read()) == ("echo: please w0\n", "")
        assert chat.wait() == 130
        hold.wait_closed()


def test_an_interrupt_before_the_message_is_known_ends_without_a_word():
    with subprocess.Popen(
        [*CHAT, "--url", "http://127.0.0.1:1"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as chat:
        chat.stdin.write(b"half a mess")
        chat.stdin.flush()
        wait_until(lambda: unread(chat.stdin) == 0)
        chat.send_signal(signal.SIGINT)
        assert chat.wait(30) == 130
        assert (chat.stdout.read(), chat.stderr.read()) == (b"", b"")


def test_a_reader_that_has_had_enough_is_no_fault(system):
    command = f"echo hello | {' '.join(CHAT)} --url {system.web.url} | head -c 5"
    run = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, timeout=60)
    assert (run.stdout, run.stderr) == (b"echo:", b"")


def test_a_reader_that_leaves_in_mid_reply_is_no_fault(system):
    with asks.held(system, at=3) as hold, piping(system.web.url, hold.ask) as chat:
        chat.stdout.read(len("echo: please w0"))
        chat.stdout.close()
        hold.release()
        assert chat.stderr.read() == ""
        chat.wait()


@pytest.mark.parametrize(
    ("closed", "code", "told"),
    [("<&-", 1, b"Error: There is nothing to say: standard input is empty.\n"), (">&-", 0, b"")],
)
def test_a_stream_that_is_closed_from_the_start_is_no_fault(system, closed, code, told):
    command = f"{' '.join(CHAT)} --url {system.web.url} {closed}"
    run = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, input=b"hello", capture_output=True, timeout=60
    )
    assert (run.returncode, run.stdout, run.stderr) == (code, b"", told)


def test_a_narrow_encoding_loses_letters_and_no_reply(system):
    run = pipe(system.web.url, "名前 é", PYTHONIOENCODING="latin-1:strict")
    assert (run.returncode, run.stdout.decode("latin-1"), run.stderr) == (0, "echo: ?? é\n", b"")
