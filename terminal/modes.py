"""The terminal's modes: as they were before, whatever ends or stops the client."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

# Signals that end a process by default. SIGINT is the prompt's own, SIGKILL cannot be handled, and
# after SIGSEGV and its like nothing of ours can run.
_ENDS = (
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
_CODE = 128  # plus the signal's number: the exit code that shells give


class _Ended(BaseException):
    """A signal ends the client."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def modes_kept(on_stop: Callable[[], None], on_resume: Callable[[], None]) -> Iterator[None]:
    """Give the terminal back as it is now, at the end, and while Ctrl-Z stops the client.

    A signal that ends the client ends it here, with the exit code 128 plus its number; so does
    a terminal that is gone, as SIGHUP. ``on_stop`` and ``on_resume`` are called before the stop
    and after it, in the midst of whatever the main thread does.
    """
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)

    def put(modes: list[Any]) -> None:
        with contextlib.suppress(termios.error):  # the terminal is gone
            # Now, and not once all is written: that may be never, where Ctrl-S holds the output.
            termios.tcsetattr(keyboard, termios.TCSANOW, modes)

    def stop(number: int, _: object) -> None:
        now = termios.tcgetattr(keyboard)
        put(before)
        on_stop()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # comes back when the client is continued
        signal.signal(number, stop)
        put(now)
        on_resume()

    ends = [getattr(signal, f"SIG{name}") for name in _ENDS if hasattr(signal, f"SIG{name}")]
    with _handlers({**dict.fromkeys(ends, _end), signal.SIGTSTP: stop}):
        try:
            yield
            return
        except _Ended as ended:
            code = _CODE + ended.number
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            code = _CODE + signal.SIGHUP
        finally:
            put(before)
    # Not through the interpreter's own end: it waits for a thread that writes to a terminal that
    # Ctrl-S holds, or dies of it.
    os._exit(code)


def _end(number: int, _: object) -> NoReturn:
    for other in _ENDS:  # what comes next must not disturb the clearing up
        if hasattr(signal, f"SIG{other}"):
            signal.signal(getattr(signal, f"SIG{other}"), signal.SIG_IGN)
    raise _Ended(number)


@contextlib.contextmanager
def _handlers(handlers: dict[int, Callable[[int, Any], Any]]) -> Iterator[None]:
    """Handle signals, but those that whoever started the client has had ignored (`nohup`)."""
    before = {number: signal.getsignal(number) for number in handlers}
    kept = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in kept:
        signal.signal(number, handlers[number])
    try:
        yield
    finally:
        for number, old in kept.items():
            signal.signal(number, old)
