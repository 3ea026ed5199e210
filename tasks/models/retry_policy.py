"""The retry policy: whether a failed request for a message is repeated, and after which pause.

It knows nothing of HTTP and has no clock. Its input is the failure and the time left, its output a
decision.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from chat.errors import ModelError, ModelRefused, ModelUnavailable
from tasks.models.failures import (
    CannotContinue,
    ModelLoading,
    ParametersRefused,
    PromptTooLong,
    TransientError,
)

# Failed requests in a row that bring no new text. While the model is being loaded, failures are not
# counted here: requests are repeated until the deadline.
MAX_TRIES = 4
# Failed requests in all, for streams that break after a little new text each.
MAX_REQUESTS = 12
# The pause before the second request. It doubles with each further request, whatever the failure.
# So a model that is being loaded gets `MODEL_TIMEOUT` / `MAX_BACKOFF` + 5 requests at most.
INITIAL_BACKOFF = 0.5  # seconds
MAX_BACKOFF = 8.0  # seconds
# The same of a model that has a successor. The successor has the rest of both bounds.
MAX_TRIES_BEFORE_SUCCESSOR = 2
# A longer pause is not made if a successor can be asked at once.
MAX_PAUSE_BEFORE_SUCCESSOR = 5.0  # seconds
# Servers that load a model often estimate minutes, and are ready sooner.
MAX_LOADING_PAUSE = 10.0  # seconds

Failure = TransientError | CannotContinue | ModelRefused


class RetryNotice(NamedTuple):
    """For the person who waits: the model is loading or busy, and is asked again."""

    code: str
    retry_after: float  # seconds


class RetryAfter(NamedTuple):
    """A decision: repeat the request."""

    pause: float  # seconds before the request
    notice: RetryNotice | None


class Abort(NamedTuple):
    """A decision: send no more requests for this message."""

    error: ModelError


class RetryPolicy:
    """Decides about all requests for one message. Every repeated request is decided here."""

    def __init__(self, *, has_successor: bool = False) -> None:
        """``has_successor``: whether another model is asked once this policy aborts."""
        self._has_successor = has_successor
        self._max_tries = MAX_TRIES_BEFORE_SUCCESSOR if has_successor else MAX_TRIES
        self._failures = 0
        self._requests = 0  # failures other than `ModelLoading`
        self._tries = 0  # of these, the ones since new text arrived
        self._prompt_was_too_long = False

    def successor(self) -> RetryPolicy:
        """Return the policy for the model that is asked next, with the rest of the bounds."""
        policy = RetryPolicy()
        policy._requests = self._requests
        policy._tries = min(self._tries, MAX_TRIES_BEFORE_SUCCESSOR)
        return policy

    def decide(self, failure: Failure, *, progress: bool, time_left: float) -> RetryAfter | Abort:
        """Decide what follows a failed request.

        Args:
            failure: `ModelRefused` is final, but `PromptTooLong` only the second time.
                `ParametersRefused` is no try, and lengthens no pause: another request follows, and
                the number of parameters bounds them.
            progress: Whether the request added text to the reply before it failed. Text that
                replaces the text of an earlier request does not count.
            time_left: Seconds until the deadline.
        """
        loading = isinstance(failure, ModelLoading) and not self._has_successor
        if not loading:
            self._requests += 1
        if not isinstance(failure, ParametersRefused):
            self._failures += 1
            if not loading:
                self._tries = 1 if progress else self._tries + 1
        announced, pause = self._pauses(failure)
        exhausted = self._tries >= self._max_tries or self._requests >= MAX_REQUESTS
        too_long = self._has_successor and pause > MAX_PAUSE_BEFORE_SUCCESSOR
        over = exhausted or too_long or pause >= time_left
        if not loading and (self._is_final(failure) or over):
            return Abort(_model_error(failure))
        return RetryAfter(pause, _notice(failure, announced))

    def _is_final(self, failure: Failure) -> bool:
        if isinstance(failure, PromptTooLong):
            second_time, self._prompt_was_too_long = self._prompt_was_too_long, True
            return second_time
        return isinstance(failure, ModelRefused) and not isinstance(failure, ParametersRefused)

    def _pauses(self, failure: Failure) -> tuple[float, float]:
        """Return the pause for the notice, and the pause with jitter, both in seconds.

        Many replies may fail at the same time. Jitter spreads their next requests.
        """
        backoff = min(INITIAL_BACKOFF * 2 ** max(self._failures - 1, 0), MAX_BACKOFF)
        requested = 0.0
        if isinstance(failure, TransientError) and failure.retry_after is not None:
            requested = failure.retry_after
            if isinstance(failure, ModelLoading):
                requested = min(requested, MAX_LOADING_PAUSE)
        # Jitter only lengthens the pause: the server is not asked before the time it requested.
        pause = max(backoff * random.uniform(1.0, 1.5), requested * random.uniform(1.0, 1.1))
        return max(backoff, requested), pause


def _notice(failure: Failure, seconds: float) -> RetryNotice | None:
    if isinstance(failure, ModelLoading):
        return RetryNotice("model_unavailable", seconds)
    if isinstance(failure, TransientError) and failure.busy:
        return RetryNotice("busy", seconds)
    return None


def _model_error(failure: Failure) -> ModelError:
    return failure if isinstance(failure, ModelError) else ModelUnavailable(str(failure))
