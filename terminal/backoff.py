"""How long to wait before the next attempt to connect, or to send a refused message again."""

from __future__ import annotations

import random

# Seconds.
FIRST_RECONNECT_DELAY, MAX_RECONNECT_DELAY = 0.5, 8.0
MIN_RESEND_DELAY, FIRST_RESEND_DELAY, MAX_RESEND_DELAY = 0.5, 2.0, 60.0

_MAX_DOUBLINGS = 10  # every delay has reached its maximum by then; 2.0 ** 1024 overflows


def reconnect_delay(attempts: int) -> float:
    """Return the seconds to wait after ``attempts`` failed attempts to connect.

    Delays are random, so that clients do not reconnect all at once.
    """
    return min(MAX_RECONNECT_DELAY, _doubled(FIRST_RECONNECT_DELAY, attempts)) * random.uniform(
        0.5, 1
    )


def resend_delay(refusals: int, retry_after: object) -> float:
    """Return the seconds to wait before a message is sent again after ``refusals`` refusals.

    ``retry_after`` is the value of that field in the server's frame. The delay grows with each
    refusal if the field is missing or is not a positive number.
    """
    if isinstance(retry_after, int | float) and retry_after > 0:
        delay = max(MIN_RESEND_DELAY, min(retry_after, MAX_RESEND_DELAY))
    else:
        delay = _doubled(FIRST_RESEND_DELAY, refusals)
    return min(MAX_RESEND_DELAY, delay * random.uniform(1, 1.2))


def _doubled(first: float, attempts: int) -> float:
    return first * 2.0 ** min(attempts - 1, _MAX_DOUBLINGS)
