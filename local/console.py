"""Prints the output of all services on one terminal, each line after its service's name."""

from __future__ import annotations

import os
import threading
from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34, 31)  # ANSI foreground colours


class Console:
    """Writes whole lines to ``out``. Any thread may use it."""

    def __init__(self, out: TextIO, names: list[str]) -> None:
        """``names`` are those of the services: they set the width of the column and the colours."""
        self._out = out
        self._lock = threading.Lock()
        self._width = max(map(len, names), default=0)
        self._colours: dict[str, int] = {}
        if out.isatty() and not os.environ.get("NO_COLOR"):
            self._colours = {
                name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(sorted(names))
            }

    def print_output(self, name: str, line: str) -> None:
        """Print a line of the service ``name``."""
        label = f"{name:{self._width}} |"
        if name in self._colours:
            label = f"\x1b[{self._colours[name]}m{label}\x1b[0m"
        self.print(f"{label} {line}")

    def print(self, line: str) -> None:
        """Print a line of the supervisor. The line is dropped if the terminal is closed."""
        with self._lock:
            try:
                self._out.write(f"{line}\n")
                self._out.flush()
            except OSError:
                # The terminal was closed. The services must still be stopped in order, and later
                # lines must not fail again.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
