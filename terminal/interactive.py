"""The chat at a prompt: read a line, send it or run its command, and print the reply."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import click

from terminal.errors import Failed
from terminal.export import export
from terminal.keyboard import (
    BRACKETED_PASTE_OFF,
    BRACKETED_PASTE_ON,
    echo_off,
    enable_line_editing,
    fits_on_one_row,
)
from terminal.notices import SilenceTimer, unexplained_delay
from terminal.session_client import SessionClient
from terminal.terminal_modes import restored_modes
from terminal.transcript import Transcript, clean, delay_reason, note

HELP = """\
/retry          answer the last message again
/new            begin a new chat
/export [FILE]  write this chat to a Markdown file
/quit           leave; so do Ctrl-D, and Ctrl-C twice
Ctrl-C stops a reply. Begin a message with // to say something that begins with a slash."""
WELCOME = "Ctrl-C stops a reply, a second one leaves; /help lists the commands."
WARNING = "A model may say anything, and not all of it is true."

# Seconds. A signal that arrives just before a queue's blocking `get` is handled only after it.
_POLL_INTERVAL = 1.0

_LEAVE_WARNING = note("Ctrl-C again leaves.")

OpenChat = Callable[[Callable[[], None]], SessionClient]


class _Leave(Exception):
    """The person leaves the chat."""


class InteractiveChat:
    """One person at one terminal.

    ``open_first`` opens the first chat, ``open_new`` another one; both may raise `Failed`.
    """

    def __init__(self, open_first: OpenChat, open_new: OpenChat) -> None:
        self._open_new = open_new
        self._lock = threading.RLock()  # for the output and what is known of it
        self._at_prompt = False
        self._opening = False  # a new chat
        self._warned = False  # the next Ctrl-C leaves
        self._wakeups: SimpleQueue[bool] = SimpleQueue()  # True for a Ctrl-C
        self._transcript = Transcript()
        self._line_so_far = enable_line_editing()
        self._dumb = os.environ.get("TERM") == "dumb"
        self._plain = bool(os.environ.get("NO_COLOR")) or self._dumb
        self._client = open_first(self._on_change)

    def run(self) -> None:
        """Chat until the person leaves."""
        try:
            with restored_modes(self._on_suspend, self._on_resume):
                signal.signal(signal.SIGINT, self._on_ctrl_c)
                self._print_until_answered()
                self._print(note(WELCOME) + note(WARNING))
                while True:
                    self._execute(self._read_line())
                    self._print_until_answered()
        except (_Leave, KeyboardInterrupt):
            pass
        finally:
            self._client.close()

    def _execute(self, line: str) -> None:
        command, _, argument = line.strip().partition(" ")
        try:
            match command:
                case "":
                    pass
                case "/help":
                    click.echo(HELP)
                case "/quit":
                    raise _Leave
                case "/retry":
                    self._client.retry()
                case "/new":
                    self._open_new_chat()
                case "/export":
                    path = Path(argument.strip()).expanduser() if argument.strip() else None
                    written = export(self._client.snapshot().conversation, path)
                    self._print(note(f"Written to {written}."))
                case _ if command.startswith("/") and not command.startswith("//"):
                    raise Failed(f"{command} is no command; /help lists them.")
                case _:
                    self._send(line.strip().removeprefix("/"))
        except Failed as error:
            self._print(note(str(error)))

    def _send(self, text: str) -> None:
        with self._lock:  # `_on_change` must not print the message before it is marked as typed
            self._transcript.typed(self._client.send_message(text))

    def _open_new_chat(self) -> None:
        self._opening = True
        try:
            client = self._open_new(self._on_change)
        except KeyboardInterrupt:
            raise Failed("No new chat was begun.") from None
        finally:
            self._opening = False
        self._client.close()
        with self._lock:
            self._client, self._transcript = client, Transcript()
        self._print(note("A new chat."))

    def _print_until_answered(self) -> None:
        """Print what comes until every message is answered."""
        silence, notices = SilenceTimer(), {""}
        with echo_off():
            while True:
                with self._lock:
                    snapshot = self._client.snapshot()
                    text = self._transcript.update(snapshot)
                    if text:
                        silence.restart()
                    elif silence.expired and not delay_reason(snapshot):
                        notice = unexplained_delay(snapshot)
                        text = self._transcript.note(notice if notice not in notices else "")
                        notices.add(notice)
                    self._print(text)
                if not snapshot.frame_due:
                    return
                if self._ctrl_c_pressed():
                    if self._warned or not snapshot.has_history:
                        raise _Leave
                    self._warned = True
                    if snapshot.state == "lost":  # the stop cannot be sent yet
                        self._print(_LEAVE_WARNING)
                    self._client.stop()

    def _ctrl_c_pressed(self) -> bool:
        """Block until something changes or _POLL_INTERVAL is over; return True for a Ctrl-C."""
        try:
            return self._wakeups.get(timeout=_POLL_INTERVAL)
        except Empty:
            return False

    def _read_line(self) -> str:
        """Return the next line that the person types."""
        while True:
            try:
                with self._lock:
                    self._wakeups = SimpleQueue()  # a Ctrl-C after a reply must not stop the next
                    snapshot = self._client.snapshot()
                    self._print(self._transcript.update(snapshot, finished_only=True))
                    self._at_prompt = True
                line = input(self._prompt)
                self._at_prompt = False
            except EOFError:
                click.echo()
                raise _Leave from None
            except KeyboardInterrupt:
                self._at_prompt = False
                typed = self._line_so_far()
                click.echo()
                if self._warned and not typed:
                    raise _Leave from None
                self._warned = True
                self._print(_LEAVE_WARNING)
            else:
                self._warned = False
                return line
            finally:
                self._at_prompt = False

    def _on_ctrl_c(self, *_: object) -> None:
        if self._at_prompt or self._opening:
            raise KeyboardInterrupt
        self._wakeups.put(True)

    def _on_suspend(self) -> None:
        if self._at_prompt and not self._dumb:
            self._write_unbuffered(BRACKETED_PASTE_OFF + "\r\n")

    def _on_resume(self) -> None:
        if self._at_prompt:
            mode = "" if self._dumb else BRACKETED_PASTE_ON
            self._write_unbuffered(mode + self._prompt + self._line_so_far())

    def _write_unbuffered(self, text: str) -> None:
        """Write from a signal handler, where a buffered stream may be in the middle of a write."""
        os.write(sys.stdout.fileno(), text.encode(sys.stdout.encoding, "replace"))

    def _on_change(self) -> None:
        """Print new text above the prompt, or wake `_print_until_answered`."""
        with self._lock, suppress(OSError):  # `input` notices a terminal that is gone
            if self._at_prompt:
                text = self._transcript.update(self._client.snapshot(), finished_only=True)
                if text:
                    line = self._prompt + self._line_so_far()
                    erasable = not self._plain and fits_on_one_row(line)
                    self._print(("\r\033[K" if erasable else "\n") + text + line)
            elif self._wakeups.empty():
                self._wakeups.put(False)

    @property
    def _prompt(self) -> str:
        return f"{clean(self._client.snapshot().conversation.name) or 'You'}: "

    def _print(self, text: str) -> None:
        if text:
            click.echo(text, nl=False, color=False if self._plain else None)
