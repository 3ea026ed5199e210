"""The terminal's modes: no echo while a reply is printed; restored at the end and for Ctrl-Z."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

# Signals that end a process by default. The prompt handles SIGINT; SIGKILL cannot be handled; after
# SIGSEGV and similar signals, no Python code can run.
_END_SIGNALS = (
    "HUP",
    "QUIT",
    "TERM",
    "ABRT",
    "ALRM",
    "IO",
    "PROF",
    "PWR",
    "USR1",
    "USR2",
    "VTALRM",
    "XCPU",
)
_EXIT_CODE = 128  # plus the signal's number, as shells report it


class _EndSignal(BaseException):
    """A signal that ends the client was received."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def restored_modes(on_suspend: Callable[[], None], on_resume: Callable[[], None]) -> Iterator[None]:
    """Restore the terminal's modes when the body ends, and while Ctrl-Z suspends the client.

    A signal that ends the client ends it here, with the exit code 128 plus the signal's number. A
    terminal that is gone counts as SIGHUP. ``on_suspend`` and ``on_resume`` are called in a signal
    handler: before the client is suspended, and after it is continued.
    """
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    before = termios.tcgetattr(sys.stdin)

    def suspend(number: int, _: object) -> None:
        now = termios.tcgetattr(sys.stdin)
        _set_modes(before)
        on_suspend()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # returns when the client is continued
        signal.signal(number, suspend)
        _set_modes(now)
        on_resume()

    ends = [getattr(signal, f"SIG{name}") for name in _END_SIGNALS if hasattr(signal, f"SIG{name}")]
    with _handlers({**dict.fromkeys(ends, _end), signal.SIGTSTP: suspend}):
        try:
            yield
            return
        except _EndSignal as received:
            code = _EXIT_CODE + received.number
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            code = _EXIT_CODE + signal.SIGHUP
        finally:
            _set_modes(before)
    # The interpreter's own shutdown would wait for a thread that writes to a terminal whose output
    # Ctrl-S has stopped, or crash on it.
    os._exit(code)


@contextlib.contextmanager
def echo_off() -> Iterator[None]:
    """Do not show what the person types in the body. The next prompt shows it."""
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    _set_modes(silent)
    try:
        yield
    finally:
        _set_modes(before)


def _set_modes(modes: list[Any]) -> None:
    import termios

    with contextlib.suppress(termios.error):  # the terminal is gone
        # TCSADRAIN would wait until all output is written: forever, if Ctrl-S has stopped it.
        termios.tcsetattr(sys.stdin, termios.TCSANOW, modes)


def _end(number: int, _: object) -> NoReturn:
    for other in _END_SIGNALS:  # a second signal must not interrupt the cleanup
        if hasattr(signal, f"SIG{other}"):
            signal.signal(getattr(signal, f"SIG{other}"), signal.SIG_IGN)
    raise _EndSignal(number)


@contextlib.contextmanager
def _handlers(handlers: dict[int, Callable[[int, Any], Any]]) -> Iterator[None]:
    """Install signal handlers, except for signals that are ignored already (`nohup`)."""
    before = {number: signal.getsignal(number) for number in handlers}
    handled = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in handled:
        signal.signal(number, handlers[number])
    try:
        yield
    finally:
        for number, old in handled.items():
            signal.signal(number, old)
