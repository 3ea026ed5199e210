"""The chat at a prompt: type, read along, and the few commands."""

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

from terminal.connection import Connection
from terminal.errors import Failed
from terminal.export import export
from terminal.keyboard import (
    MARK_NO_PASTES,
    MARK_PASTES,
    line_editor,
    silent_keyboard,
    stands_on_one_row,
)
from terminal.modes import modes_kept
from terminal.patience import Patience, still_waiting
from terminal.transcript import Transcript, clean, note, why_waiting

HELP = """\
/retry          answer the last message again
/new            begin a new chat
/export [FILE]  write this chat to a Markdown file
/quit           leave; so do Ctrl-D, and Ctrl-C twice
Ctrl-C stops a reply. Begin a message with // to say something that begins with a slash."""
WELCOME = "Ctrl-C stops a reply, a second one leaves; /help lists the commands."
WARNING = "A model may say anything, and not all of it is true."

# Seconds. A signal that comes just before the wait for news is heeded only after it.
_LOOK_EVERY = 1.0

_AGAIN = note("Ctrl-C again leaves.")

Open = Callable[[Callable[[], None]], Connection]


class _Leave(Exception):
    """The person wants to go."""


class Prompt:
    """One person at one terminal.

    ``open_first`` opens the chat to begin with, ``open_new`` another; both may raise `Failed`.
    """

    def __init__(self, open_first: Open, open_new: Open) -> None:
        self._open_new = open_new
        self._lock = threading.RLock()  # for what is printed
        self._at_prompt = False
        self._calling = False  # a new chat is being begun
        self._warned = False  # the next Ctrl-C leaves
        self._woken: SimpleQueue[bool] = SimpleQueue()  # True for a Ctrl-C
        self._transcript = Transcript()
        self._line_so_far = line_editor()
        self._plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self._connection = open_first(self._changed)

    def run(self) -> None:
        """Chat until the person leaves."""
        try:
            with modes_kept(self._stopped, self._resumed):
                signal.signal(signal.SIGINT, self._interrupt)
                self._follow()
                self._print(note(WELCOME) + note(WARNING))
                while True:
                    self._heed(self._ask())
                    self._follow()
        except (_Leave, KeyboardInterrupt):
            pass
        finally:
            self._connection.close()

    def _heed(self, line: str) -> None:
        command, _, rest = line.strip().partition(" ")
        try:
            match command:
                case "":
                    pass
                case "/help":
                    click.echo(HELP)
                case "/quit":
                    raise _Leave
                case "/retry":
                    self._connection.retry()
                case "/new":
                    self._begin_anew()
                case "/export":
                    path = Path(rest.strip()).expanduser() if rest.strip() else None
                    written = export(self._connection.look().conversation, path)
                    self._print(note(f"Written to {written}."))
                case _ if command.startswith("/") and not command.startswith("//"):
                    raise Failed(f"{command} is no command; /help lists them.")
                case _:
                    self._say(line.strip().removeprefix("/"))
        except Failed as error:
            self._print(note(str(error)))

    def _say(self, text: str) -> None:
        with self._lock:  # so that nobody prints it before it is known as typed
            self._transcript.typed(self._connection.say(text))

    def _begin_anew(self) -> None:
        self._calling = True
        try:
            connection = self._open_new(self._changed)
        except KeyboardInterrupt:
            raise Failed("No new chat was begun.") from None
        finally:
            self._calling = False
        self._connection.close()
        with self._lock:
            self._connection, self._transcript = connection, Transcript()
        self._print(note("A new chat."))

    def _follow(self) -> None:
        """Print what comes until all is answered."""
        patience, told = Patience(), {""}
        with silent_keyboard():
            while True:
                with self._lock:
                    view = self._connection.look()
                    news = self._transcript.news(view)
                    if news:
                        patience.renew()
                    elif patience.over and not why_waiting(view):
                        text = still_waiting(view)
                        news = self._transcript.aside(text if text not in told else "")
                        told.add(text)
                    self._print(news)
                if not view.at_work:
                    return
                if self._pressed():
                    if self._warned or not view.known:
                        raise _Leave
                    self._warned = True
                    if view.state == "lost":  # nothing can be stopped for now
                        self._print(_AGAIN)
                    self._connection.stop()

    def _pressed(self) -> bool:
        """Wait for news or Ctrl-C; tell whether it was that."""
        try:
            return self._woken.get(timeout=_LOOK_EVERY)
        except Empty:
            return False

    def _ask(self) -> str:
        """Return the person's next line."""
        while True:
            try:
                with self._lock:
                    self._woken = SimpleQueue()  # a Ctrl-C too late for one reply stops no other
                    self._print(self._transcript.news(self._connection.look(), whole=True))
                    self._at_prompt = True
                line = input(self._asked)
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
                self._print(_AGAIN)
            else:
                self._warned = False
                return line
            finally:
                self._at_prompt = False

    def _interrupt(self, *_: object) -> None:
        if self._at_prompt or self._calling:
            raise KeyboardInterrupt
        self._woken.put(True)

    def _stopped(self) -> None:
        if self._at_prompt and os.environ.get("TERM") != "dumb":
            self._write_at_once(MARK_NO_PASTES + "\r\n")

    def _resumed(self) -> None:
        if self._at_prompt:
            mark = MARK_PASTES if os.environ.get("TERM") != "dumb" else ""
            self._write_at_once(mark + self._asked + self._line_so_far())

    def _write_at_once(self, text: str) -> None:
        """Write in the midst of whatever is being printed; a buffered stream would not have it."""
        os.write(sys.stdout.fileno(), text.encode(sys.stdout.encoding, "replace"))

    def _changed(self) -> None:
        """Have news printed: above the prompt if the person is there, else by `_follow`."""
        with self._lock, suppress(OSError):  # a terminal that is gone is seen at the prompt
            if self._at_prompt:
                news = self._transcript.news(self._connection.look(), whole=True)
                if news:
                    line = self._asked + self._line_so_far()
                    erased = not self._plain and stands_on_one_row(line)
                    self._print(("\r\033[K" if erased else "\n") + news + line)
            elif self._woken.empty():
                self._woken.put(False)

    @property
    def _asked(self) -> str:
        return f"{clean(self._connection.look().conversation.name) or 'You'}: "

    def _print(self, text: str) -> None:
        if text:
            click.echo(text, nl=False, color=False if self._plain else None)
