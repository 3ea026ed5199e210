"""The chat at a prompt: type, read along, and the few commands."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import click

from web.terminal.connection import Connection
from web.terminal.errors import Failed
from web.terminal.export import export
from web.terminal.keyboard import line_editor, silent_keyboard
from web.terminal.transcript import Transcript, clean, note

HELP = """\
/retry          answer the last message again
/new            begin a new chat
/export [FILE]  write this chat to a Markdown file
/quit           leave; so do Ctrl-D, and Ctrl-C twice
Ctrl-C stops a reply. Begin a message with // to say something that begins with a slash."""
WELCOME = "Ctrl-C stops a reply, a second one leaves; /help lists the commands."
WARNING = "A model may say anything, and not all of it is true."

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
        self._warned = False  # the next Ctrl-C leaves
        self._woken: SimpleQueue[bool] = SimpleQueue()  # True for a Ctrl-C
        self._transcript = Transcript()
        self._readline = line_editor()
        self._connection = open_first(self._changed)

    def run(self) -> None:
        """Chat until the person leaves."""
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            self._follow()
            self._print(note(WELCOME) + note(WARNING))
            while True:
                self._heed(self._ask())
                self._follow()
        except _Leave:
            pass
        finally:
            signal.signal(signal.SIGINT, before)
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
        view = self._connection.look()
        if view.state == "ended":
            raise Failed(f"{view.why} /new begins another.")
        with self._lock:  # so that nobody prints it before it is known as typed
            self._transcript.typed(self._connection.say(text))

    def _begin_anew(self) -> None:
        connection = self._open_new(self._changed)
        self._connection.close()
        with self._lock:
            self._connection, self._transcript = connection, Transcript()
        self._print(note("A new chat."))

    def _follow(self) -> None:
        """Print what comes until all is answered."""
        with silent_keyboard():
            while True:
                with self._lock:
                    view = self._connection.look()
                    self._print(self._transcript.news(view))
                if not view.at_work:
                    return
                if self._woken.get():
                    if self._warned or not view.known:
                        raise _Leave
                    self._warned = True
                    self._connection.stop()

    def _ask(self) -> str:
        """Return the person's next line."""
        while True:
            name = clean(self._connection.look().conversation.name) or "You"
            try:
                self._at_prompt = True
                line = input(f"{name}: ")
                self._at_prompt = False
            except EOFError:
                click.echo()
                raise _Leave from None
            except KeyboardInterrupt:
                typed = self._readline()
                click.echo()
                if self._warned and not typed:
                    raise _Leave from None
                self._warned = True
                self._print(note("Ctrl-C again leaves."))
            else:
                self._warned = False
                return line
            finally:
                self._at_prompt = False

    def _interrupt(self, *_: object) -> None:
        if self._at_prompt:
            raise KeyboardInterrupt
        self._woken.put(True)

    def _changed(self) -> None:
        """Have news printed: above the prompt if the person is there, else by `_follow`."""
        with self._lock:
            if self._at_prompt:
                view = self._connection.look()
                news = self._transcript.news(view, whole=True)
                if news:
                    name = clean(view.conversation.name) or "You"
                    self._print(f"\r\033[K{news}{name}: {self._readline()}")
            elif self._woken.empty():
                self._woken.put(False)

    def _print(self, text: str) -> None:
        if text:
            click.echo(text, nl=False)
