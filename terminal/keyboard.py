"""The keyboard: it edits a line at the prompt, and is silent while a reply comes."""

from __future__ import annotations

import contextlib
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator

MARK_PASTES, MARK_NO_PASTES = "\x1b[?2004h", "\x1b[?2004l"  # so that pasted lines are one message


def line_editor() -> Callable[[], str]:
    """Give `input` line editing where the platform has it; return what reads the line so far."""
    try:
        import readline  # here, since importing it has an effect
    except ImportError:
        return str
    if os.environ.get("TERM") != "dumb":
        readline.parse_and_bind("set enable-bracketed-paste on")
    return readline.get_line_buffer


def stands_on_one_row(line: str) -> bool:
    """Tell whether a line of the terminal has not been wrapped."""
    width = sum(2 if unicodedata.east_asian_width(char) in "FW" else 1 for char in line)
    return "\n" not in line and width < os.get_terminal_size().columns


@contextlib.contextmanager
def silent_keyboard() -> Iterator[None]:
    """Keep what is typed out of the reply; it stands at the prompt afterwards."""
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    # TCSADRAIN would wait, and for ever where Ctrl-S holds the output.
    termios.tcsetattr(keyboard, termios.TCSANOW, silent)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(keyboard, termios.TCSANOW, before)
