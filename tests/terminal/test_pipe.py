"""A program sends one message through a pipe; web, worker and Redis are real."""

from __future__ import annotations

import fcntl
import json
import signal
import struct
import subprocess
import termios

import pytest

from terminal.token_file import TokenFile
from tests import directives
from tests.clients import begin
from tests.processes import ROOT, free_port, wait_until
from tests.pty_terminal import CHAT, erase, pipe, piping
from tests.terminal.http_server import TOKEN, http_server


def error_in(run):
    """Return the sentence of an error. Nothing else must be printed."""
    assert run.stdout == b""
    error = run.stderr.decode()
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    return error.removeprefix("Error: ").rstrip("\n")


def unread(pipe_end):
    """Return the number of bytes in a pipe that are not read yet."""
    return struct.unpack("i", fcntl.ioctl(pipe_end, termios.FIONREAD, b"\0" * 4))[0]


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        ("hello\n", "echo: hello\n"),
        ("  one\ntwo\n\n", "echo: one\ntwo\n"),
        ("名前 é", "echo: 名前 é\n"),
        (b"\xff and more", "echo: \ufffd and more\n"),
    ],
)
def test_only_the_reply_is_printed(system, message, printed):
    run = pipe(system.web.url, message)
    assert (run.returncode, run.stdout.decode(), run.stderr) == (0, printed, b"")


def test_a_reply_is_printed_as_it_comes(system):
    with directives.held(system, at=3) as hold, piping(system.web.url, hold.ask) as chat:
        assert chat.stdout.read(len("echo: please w0")) == "echo: please w0"
        hold.release()
        assert chat.stdout.read() == hold.text.removeprefix("echo: please w0") + "\n"
        assert chat.wait() == 0


def test_a_pipe_can_continue_a_chat(system, tmp_path):
    token_file = str(tmp_path / "token")
    assert pipe(system.web.url, "first", "--token-file", token_file).returncode == 0
    assert pipe(system.web.url, "second", "--token-file", token_file).stdout == b"echo: second\n"
    prompts = directives.requests_with(system, "Human: second")
    assert "Human: first Bot: echo: first Human: second" in prompts[-1]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "Standard input is empty: there is no message to send."),
        (" \n", "Standard input is empty: there is no message to send."),
        ("x" * 4001, "That message is too long. Please shorten it."),
        ("x" * 70_000, "That message is too long."),
        (
            directives.status(401),
            "The model cannot be used as it is set up. Its operator finds the cause in the log, or"
            " with python -m tasks.models.",
        ),
    ],
)
def test_the_reason_why_there_is_no_reply_is_printed(system, text, error):
    run = pipe(system.web.url, text)
    assert error_in(run) == error
    assert run.returncode == 1


@pytest.mark.parametrize("name", [" ", "x" * 101])
def test_a_refused_name_is_reported(system, name):
    run = pipe(system.web.url, "hello", "--name", name)
    assert error_in(run) == "The chat does not accept this name: Enter a valid name."
    assert run.returncode == 1


def test_an_address_without_a_chat_is_reported():
    run = pipe(f"http://127.0.0.1:{free_port()}", "hello")
    assert error_in(run).startswith("Nothing answers at http://127.0.0.1:")
    assert run.returncode == 1


def test_a_chat_that_is_erased_meanwhile_is_reported(system, tmp_path):
    token_file = tmp_path / "token"
    TokenFile(token_file).save(begin(system.web.url))
    with (
        directives.held(system, at=3) as hold,
        piping(system.web.url, hold.ask, "--token-file", str(token_file)) as chat,
    ):
        hold.wait()
        erase(system.web.url, token_file)
        assert chat.stderr.read() == "Error: This chat has expired or was erased.\n"
        assert chat.wait() == 1


def test_ctrl_c_stops_the_reply_and_ends_the_program(system):
    with directives.held(system, at=3) as hold, piping(system.web.url, hold.ask) as chat:
        printed = chat.stdout.read(len("echo: please w0"))
        chat.send_signal(signal.SIGINT)
        assert (printed + chat.stdout.read(), chat.stderr.read()) == ("echo: please w0\n", "")
        assert chat.wait() == 130
        hold.wait_closed()


def test_ctrl_c_before_the_end_of_the_message_ends_the_program_silently():
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


def test_ctrl_c_before_there_is_a_connection_ends_the_program_silently():
    begun = json.dumps({"token": TOKEN}).encode()
    with http_server(200, begun) as (url, received), piping(url, "hello") as chat:
        wait_until(lambda: [line for line, _ in received if "/chat" in line])
        chat.send_signal(signal.SIGINT)
        assert (chat.wait(30), chat.stdout.read(), chat.stderr.read()) == (130, "", "")


def test_an_error_from_a_server_cannot_control_the_terminal():
    hostile = json.dumps({"detail": {"msg": "\x1b]0;owned\x07"}}).encode()
    with http_server(400, hostile) as (url, _):
        run = pipe(url, "hello")
    assert run.stderr.decode() == (
        "Error: The chat does not accept this name: \ufffd]0;owned\ufffd.\n"
    )


def test_a_reader_that_closes_the_pipe_early_is_no_error(system):
    command = f"echo hello | {' '.join(CHAT)} --url {system.web.url} | head -c 5"
    run = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, timeout=60)
    assert (run.stdout, run.stderr) == (b"echo:", b"")


def test_a_reader_that_closes_the_pipe_during_a_reply_is_no_error(system):
    with directives.held(system, at=3) as hold, piping(system.web.url, hold.ask) as chat:
        chat.stdout.read(len("echo: please w0"))
        chat.stdout.close()
        hold.release()
        assert chat.stderr.read() == ""
        chat.wait()


@pytest.mark.parametrize(
    ("closed", "code", "stderr"),
    [
        ("<&-", 1, b"Error: Standard input is empty: there is no message to send.\n"),
        (">&-", 0, b""),
    ],
)
def test_a_stream_that_is_closed_from_the_start_is_no_bug(system, closed, code, stderr):
    command = f"{' '.join(CHAT)} --url {system.web.url} {closed}"
    run = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, input=b"hello", capture_output=True, timeout=60
    )
    assert (run.returncode, run.stdout, run.stderr) == (code, b"", stderr)


def test_a_narrow_encoding_replaces_characters_and_prints_the_rest(system):
    run = pipe(system.web.url, "名前 é", PYTHONIOENCODING="latin-1:strict")
    assert (run.returncode, run.stdout.decode("latin-1"), run.stderr) == (0, "echo: ?? é\n", b"")
