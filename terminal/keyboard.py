"""The keyboard: line editing at the prompt, and no echo while a reply is printed."""

from __future__ import annotations

import contextlib
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator

# In bracketed paste mode, the terminal marks pasted lines, so that they become one message.
BRACKETED_PASTE_ON, BRACKETED_PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"


def enable_line_editing() -> Callable[[], str]:
    """Give `input` line editing where the platform has it.

    Returns a function that returns the line as typed so far.
    """
    try:
        import readline  # imported here, since the import changes `input`
    except ImportError:
        return str
    if os.environ.get("TERM") != "dumb":
        readline.parse_and_bind("set enable-bracketed-paste on")
    return readline.get_line_buffer


def fits_on_one_row(line: str) -> bool:
    """Whether the terminal shows this line without wrapping it."""
    width = sum(2 if unicodedata.east_asian_width(char) in "FW" else 1 for char in line)
    return "\n" not in line and width < os.get_terminal_size().columns


@contextlib.contextmanager
def echo_off() -> Iterator[None]:
    """Do not show what is typed meanwhile; the next prompt has it."""
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    # TCSADRAIN would wait for the output, without end where Ctrl-S has stopped it.
    termios.tcsetattr(keyboard, termios.TCSANOW, silent)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(keyboard, termios.TCSANOW, before)
