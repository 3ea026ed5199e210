"""When a model's server is asked again for a message, after how long, and when no more.

It knows nothing of HTTP, and has no clock: it is told how a request failed and how many seconds are
left, and answers with a decision.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from chat.errors import ModelError, ModelRefused, ModelUnavailable
from tasks.models.failures import CannotContinue, Loading, NotReady, PromptTooLong

# Requests in a row that fail and bring no new text. A model that is being loaded is asked until the
# deadline, and these requests are not counted here.
MAX_TRIES = 4
# Requests in all, for streams that bring a little text each and break.
MOST_REQUESTS = 12
# The pause before the second request. It doubles with each further one, whatever the reason, so
# that loading too is bounded: by `MODEL_TIMEOUT` / `MOST_BACK_OFF` + 5 requests.
BACK_OFF = 0.5  # seconds
MAX_BACK_OFF = 8.0  # seconds
# Servers that load a model estimate minutes; it may be there sooner.
MOST_ESTIMATE = 10.0  # seconds

Failure = NotReady | CannotContinue | ModelRefused


class Wait(NamedTuple):
    """The model is not ready; it is asked again in ``retry_after`` seconds."""

    code: str
    retry_after: float


class Again(NamedTuple):
    """Ask again."""

    pause: float  # seconds before the request
    wait: Wait | None  # what the person is told of it


class GiveUp(NamedTuple):
    """Ask no more."""

    error: ModelError


class Retry:
    """Decides for one message, from its first request to the last. No path goes around it."""

    def __init__(self) -> None:
        self._failures = 0
        self._requests = 0  # of the failures, those that did not find the model loading
        self._tries = 0  # of these, those since new text came
        self._shortened = False

    def after(self, failure: Failure, *, progress: bool, left: float) -> Again | GiveUp:
        """Decide what follows a failed request.

        Args:
            failure: How it failed. `ModelRefused` is final; a `PromptTooLong` only the second time.
            progress: Whether it has added text to the reply before it failed. Text that replaces
                that of an earlier request is no progress.
            left: Seconds until the deadline.
        """
        loads = isinstance(failure, Loading)
        self._failures += 1
        if not loads:
            self._requests += 1
            self._tries = 1 if progress else self._tries + 1
        named, pause = self._pauses(failure)
        spent = self._tries >= MAX_TRIES or self._requests >= MOST_REQUESTS
        if not loads and (self._is_final(failure) or spent or pause >= left):
            return GiveUp(_error(failure))
        return Again(pause, _wait(failure, named))

    def _is_final(self, failure: Failure) -> bool:
        if isinstance(failure, PromptTooLong):
            shortened, self._shortened = self._shortened, True
            return shortened
        return isinstance(failure, ModelRefused)

    def _pauses(self, failure: Failure) -> tuple[float, float]:
        """Return the pause in seconds, and the same with jitter: many replies fail at once."""
        grown = min(BACK_OFF * 2 ** (self._failures - 1), MAX_BACK_OFF)
        asked = 0.0
        if isinstance(failure, NotReady) and failure.retry_after is not None:
            asked = failure.retry_after
            if isinstance(failure, Loading):
                asked = min(asked, MOST_ESTIMATE)
        # A server is not asked before the time that it names, and others were told the same.
        pause = max(grown * random.uniform(1.0, 1.5), asked * random.uniform(1.0, 1.1))
        return max(grown, asked), pause


def _wait(failure: Failure, seconds: float) -> Wait | None:
    if isinstance(failure, Loading):
        return Wait("model_unavailable", seconds)
    if isinstance(failure, NotReady) and failure.busy:
        return Wait("busy", seconds)
    return None


def _error(failure: Failure) -> ModelError:
    return failure if isinstance(failure, ModelError) else ModelUnavailable(str(failure))
