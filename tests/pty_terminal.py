"""Drives `python -m terminal`: a person at a pseudo-terminal, or a program at a pipe."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pexpect
import psutil
import requests

from tests.clients import PATIENCE, history
from tests.processes import ROOT, wait_until

CHAT = (sys.executable, "-m", "terminal")
PROMPT = "Ada: "
_STYLES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Person:
    """A person who types and reads at a terminal that runs a command."""

    def __init__(
        self, *command: str, rows: int = 24, columns: int = 80, env: dict[str, str] | None = None
    ) -> None:
        self._output = StringIO()
        self._child = pexpect.spawn(
            command[0],
            list(command[1:]),
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm", **(env or {})},
            encoding="utf-8",
            codec_errors="replace",
            timeout=PATIENCE,
            dimensions=(rows, columns),
        )
        self._child.logfile_read = self._output

    @property
    def pid(self) -> int:
        return int(self._child.pid)

    @property
    def screen(self) -> str:
        """All output so far, without styles."""
        return _STYLES.sub("", self._output.getvalue())

    @property
    def raw(self) -> str:
        """All output so far."""
        return self._output.getvalue()

    @property
    def echoes(self) -> bool:
        """Whether the terminal has its usual modes: echo, and input by line."""
        modes = termios.tcgetattr(self._child.fileno())[3]
        return bool(modes & termios.ECHO and modes & termios.ICANON)

    def sees(self, text: str) -> None:
        """Wait for a text in the output after the last text that was seen."""
        self._child.expect_exact(text)

    def is_asked(self) -> None:
        """Wait for the prompt, and until the command blocks for input.

        A signal that comes between the two is handled only at the next key or signal.
        """
        self._child.expect_exact(PROMPT)
        wait_until(self._is_blocked)

    def _is_blocked(self) -> bool:
        command = psutil.Process(self.pid)
        processes = (command, *command.children(recursive=True))
        return all(process.status() == psutil.STATUS_SLEEPING for process in processes)

    def types(self, line: str) -> None:
        """Type a line and Enter."""
        self._child.sendline(line)

    def strikes(self, keys: str | bytes) -> None:
        """Type keys without Enter."""
        os.write(self._child.fileno(), keys.encode() if isinstance(keys, str) else keys)

    def presses(self, letter: str) -> None:
        """Press Ctrl and a letter."""
        self._child.sendcontrol(letter)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def sees_end(self) -> int:
        """Wait for the end of the command; return its exit code, negative for a signal."""
        self._child.expect_exact(pexpect.EOF)
        self._child.wait()
        if self._child.signalstatus:
            return -int(self._child.signalstatus)
        return int(self._child.exitstatus)

    def close(self) -> None:
        try:
            self._child.close(force=True)
        except pexpect.ExceptionPexpect:
            self._child.ptyproc.wait()  # it was killed, and takes longer to end


@contextmanager
def person(url: str, *options: str, name: str = "Ada", **terminal: Any) -> Iterator[Person]:
    """Run the chat at ``url`` in a pseudo-terminal; yield the person at it."""
    someone = Person(*CHAT, "--url", url, "--name", name, *options, **terminal)
    try:
        yield someone
    finally:
        someone.close()


def pipe(
    url: str, text: str | bytes, *options: str, **env: str
) -> subprocess.CompletedProcess[bytes]:
    """Send a message through a pipe, and wait for the end of the command."""
    return subprocess.run(
        [*CHAT, "--url", url, *options],
        cwd=ROOT,
        env={**os.environ, **env},
        input=text.encode() if isinstance(text, str) else text,
        capture_output=True,
        timeout=2 * PATIENCE,
    )


@contextmanager
def piping(url: str, text: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Send a message through a pipe; yield the command while it runs."""
    with subprocess.Popen(
        [*CHAT, "--url", url, *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        process.stdin.write(text)
        process.stdin.close()
        try:
            yield process
        finally:
            process.kill()


def erase(url: str, token_file: Path) -> None:
    """Erase the session whose token is in a file."""
    token = token_file.read_text().strip()
    requests.delete(f"{url}/token", params={"token": token}, timeout=PATIENCE)


def saved_messages(url: str, token_file: Path) -> list[str]:
    """Return the texts of the session whose token is in a file, as the server has them."""
    return [message["msg"] for message in history(url, token_file.read_text().strip())]
