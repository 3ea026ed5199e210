"""A person at a pseudo-terminal, and a program at a pipe, in front of the chat's command."""

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
from typing import Any

import pexpect
import psutil

from tests.clients import PATIENCE
from tests.processes import ROOT, wait_until

CHAT = (sys.executable, "-m", "terminal")
PROMPT = "Ada: "
_STYLES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Person:
    """Somebody who types and reads."""

    def __init__(
        self, *command: str, rows: int = 24, columns: int = 80, env: dict[str, str] | None = None
    ) -> None:
        self._all = StringIO()
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
        self._child.logfile_read = self._all

    @property
    def pid(self) -> int:
        return int(self._child.pid)

    @property
    def screen(self) -> str:
        """All that the terminal was given so far, less bold and dim."""
        return _STYLES.sub("", self._all.getvalue())

    @property
    def raw(self) -> str:
        """All that the terminal was given so far."""
        return self._all.getvalue()

    @property
    def echoes(self) -> bool:
        """Whether the terminal is in order: it shows what is typed, line by line."""
        modes = termios.tcgetattr(self._child.fileno())[3]
        return bool(modes & termios.ECHO and modes & termios.ICANON)

    def sees(self, text: str) -> None:
        """Wait for a text behind all that was seen before."""
        self._child.expect_exact(text)

    def is_asked(self) -> None:
        """Wait for the prompt, and until nothing but a key or a signal moves the command.

        A signal between the two is noticed only with the next key or signal.
        """
        self._child.expect_exact(PROMPT)
        wait_until(self._rests)

    def _rests(self) -> bool:
        command = psutil.Process(self.pid)
        processes = (command, *command.children(recursive=True))
        return all(process.status() == psutil.STATUS_SLEEPING for process in processes)

    def types(self, line: str) -> None:
        self._child.sendline(line)

    def strikes(self, keys: str | bytes) -> None:
        """Strike keys without Enter."""
        os.write(self._child.fileno(), keys.encode() if isinstance(keys, str) else keys)

    def presses(self, letter: str) -> None:
        """Press Ctrl and a letter."""
        self._child.sendcontrol(letter)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def sees_end(self) -> int:
        """Wait for the command's end; return its exit code, negative for a signal."""
        self._child.expect_exact(pexpect.EOF)
        self._child.wait()
        if self._child.signalstatus:
            return -int(self._child.signalstatus)
        return int(self._child.exitstatus)

    def close(self) -> None:
        try:
            self._child.close(force=True)
        except pexpect.ExceptionPexpect:
            self._child.ptyproc.wait()  # it was killed, and is slow to go


@contextmanager
def person(url: str, *options: str, name: str = "Ada", **terminal: Any) -> Iterator[Person]:
    """Give a person in front of a chat."""
    someone = Person(*CHAT, "--url", url, "--name", name, *options, **terminal)
    try:
        yield someone
    finally:
        someone.close()


def pipe(
    url: str, text: str | bytes, *options: str, **env: str
) -> subprocess.CompletedProcess[bytes]:
    """Say something through a pipe, and wait for the command's end."""
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
    """Give a command that has been given its message through a pipe."""
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
