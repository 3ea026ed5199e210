"""The line on which the person types, and the text that is printed above it."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable

import click

# In bracketed paste mode, the terminal marks pasted lines, so that they become one message.
_BRACKETED_PASTE_ON, _BRACKETED_PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"


class Prompt:
    """The prompt of one terminal. ``label`` returns the text before the typed line.

    ``active`` is whether the person can type a line. The caller sets it before `read`.
    """

    def __init__(self, label: Callable[[], str]) -> None:
        self.active = False
        self._label = label
        self._dumb = os.environ.get("TERM") == "dumb"
        self._plain = bool(os.environ.get("NO_COLOR")) or self._dumb
        self._prefill = ""
        self._line_so_far = _enable_line_editing(self._dumb, self._take_prefill)

    @property
    def line_so_far(self) -> str:
        """What the person has typed of the next line."""
        return self._line_so_far()

    def prefill(self, text: str) -> None:
        """Let the next line that is read begin with a text that the person can change."""
        self._prefill = text

    def _take_prefill(self) -> str:
        text, self._prefill = self._prefill, ""
        return text

    def read(self) -> str:
        """Return the next line that the person types.

        Raises:
            EOFError: The person pressed Ctrl-D.
            KeyboardInterrupt: A signal handler raised it.
        """
        try:
            return input(self._label())
        finally:
            self.active = False

    def print(self, text: str) -> None:
        """Print a text while the prompt is not active, without styles if they are not wanted."""
        if text:
            click.echo(text, nl=False, color=False if self._plain else None)

    def print_above(self, text: str) -> None:
        """Print a text while the prompt is active, and the typed line below it."""
        line = self._label() + self.line_so_far
        erasable = not self._plain and _fits_on_one_row(line)
        self.print(("\r\033[K" if erasable else "\n") + text + line)

    def on_suspend(self) -> None:
        """Leave the prompt to a shell. For a signal handler."""
        if self.active and not self._dumb:
            _write_unbuffered(_BRACKETED_PASTE_OFF + "\r\n")

    def on_resume(self) -> None:
        """Print the prompt and the typed line again. For a signal handler."""
        if self.active:
            mode = "" if self._dumb else _BRACKETED_PASTE_ON
            _write_unbuffered(mode + self._label() + self.line_so_far)


def _enable_line_editing(dumb: bool, prefill: Callable[[], str]) -> Callable[[], str]:
    """Give `input` line editing where the platform has it.

    ``prefill`` returns what a line begins with. Returns a function that returns the line as typed
    so far.
    """
    try:
        import readline  # imported here, since the import changes `input`
    except ImportError:
        return str
    if not dumb:
        readline.parse_and_bind("set enable-bracketed-paste on")
    readline.set_startup_hook(lambda: readline.insert_text(prefill()))
    return readline.get_line_buffer


def _fits_on_one_row(line: str) -> bool:
    """Whether the terminal shows this line without wrapping it."""
    width = sum(2 if unicodedata.east_asian_width(char) in "FW" else 1 for char in line)
    return "\n" not in line and width < os.get_terminal_size().columns


def _write_unbuffered(text: str) -> None:
    """Write from a signal handler, where a buffered stream may be in the middle of a write."""
    os.write(sys.stdout.fileno(), text.encode(sys.stdout.encoding, "replace"))
