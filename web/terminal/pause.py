"""How long to wait before the next try to connect."""

from __future__ import annotations

import random

FIRST, LONGEST = 0.5, 8.0  # seconds
_GROWN = 10  # tries after which it is the longest anyway; powers of two outgrow a float


def pause(tries: int) -> float:
    """Return the seconds to wait after so many tries, spread so that not all come at once."""
    return min(LONGEST, FIRST * 2.0 ** min(tries - 1, _GROWN)) * random.uniform(0.5, 1)
