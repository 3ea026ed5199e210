"""One terminal for many parts: each line with the name of the part that said it."""

from __future__ import annotations

import os
import threading
from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34, 31)


class Console:
    """Writes whole lines to ``out``; any thread may use it."""

    def __init__(self, out: TextIO, names: list[str]) -> None:
        """``names`` are the parts, for the width of their column and a colour each."""
        self._out = out
        self._lock = threading.Lock()
        self._width = max(map(len, names), default=0)
        self._colours: dict[str, int] = {}
        if out.isatty() and not os.environ.get("NO_COLOR"):
            self._colours = {
                name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(sorted(names))
            }

    def say(self, name: str, line: str) -> None:
        """Write a ``line`` of the part ``name``."""
        label = f"{name:{self._width}} |"
        if name in self._colours:
            label = f"\x1b[{self._colours[name]}m{label}\x1b[0m"
        self.tell(f"{label} {line}")

    def tell(self, line: str) -> None:
        """Write a ``line`` of our own. Where nobody can read it any more, it is dropped."""
        with self._lock:
            try:
                self._out.write(f"{line}\n")
                self._out.flush()
            except OSError:
                # The terminal was closed, and the parts still have to be stopped in order.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
