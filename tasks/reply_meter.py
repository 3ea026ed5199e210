"""Measures one reply for the metrics, from this worker's claim to the reply's end."""

from __future__ import annotations

import time

from chat import metrics
from chat.mailbox import Claim

# The text of a faster reply came in few pieces, so that its rate would mean nothing.
_MIN_DURATION = 0.1  # seconds


class ReplyMeter:
    """The times and the tokens of one reply. Only one thread at a time may call it.

    A token is a piece of text as the model's server sends it.
    """

    def __init__(self, claim: Claim) -> None:
        """Count the claim."""
        self._claimed_at = time.monotonic()
        self._before = claim.elapsed  # seconds from the first claim of the message to this one
        self._first_at = self._last_at = 0.0  # when tokens were taken
        self._tokens = 0  # that were taken, without the first ones
        self._uncounted = 0
        if claim.waited is not None:
            metrics.queue_seconds.observe(claim.waited)
        if claim.resumed:
            metrics.leases_taken_over.inc()
            if claim.deltas:
                metrics.replies_resumed.inc()

    def token(self) -> None:
        """Note a piece of text from the model. It is counted by `take_tokens`."""
        self._uncounted += 1

    def take_tokens(self) -> int:
        """Return how many pieces of text came since the last call; the caller counts them."""
        count, self._uncounted = self._uncounted, 0
        if count:
            self._last_at = time.monotonic()
            if self._first_at:
                self._tokens += count
            else:
                self._first_at = self._last_at
        return count

    def first_text(self) -> None:
        """Note that the first text of the reply is in Redis."""
        metrics.first_token_seconds.observe(self._seconds())

    def ended(self) -> None:
        """Note that the reply has ended."""
        metrics.tokens.inc(self.take_tokens())
        metrics.reply_seconds.observe(self._seconds())
        duration = self._last_at - self._first_at
        if duration > _MIN_DURATION:
            metrics.reply_rate.observe(self._tokens / duration)

    def _seconds(self) -> float:
        return self._before + time.monotonic() - self._claimed_at
