"""How long to wait before the next try to connect, or to send a message that was refused."""

from __future__ import annotations

import random

FIRST, LONGEST = 0.5, 8.0  # seconds
SHORTEST_BUSY, FIRST_BUSY, LONGEST_BUSY = 0.5, 2.0, 60.0  # seconds
_GROWN = 10  # tries after which it is the longest anyway; powers of two outgrow a float


def pause(tries: int) -> float:
    """Return the seconds to wait after so many tries, spread so that not all come at once."""
    return min(LONGEST, FIRST * 2.0 ** min(tries - 1, _GROWN)) * random.uniform(0.5, 1)


def busy_pause(tries: int, said: object) -> float:
    """Return the seconds after which a message that was refused so many times is sent again.

    ``said`` is the server's ``retry_after``; pauses grow where it is none or no use.
    """
    if isinstance(said, int | float) and said > 0:
        wait = max(SHORTEST_BUSY, min(said, LONGEST_BUSY))
    else:
        wait = FIRST_BUSY * 2.0 ** min(tries - 1, _GROWN)
    return min(LONGEST_BUSY, wait * random.uniform(1, 1.2))
