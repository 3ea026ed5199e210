"""Two models: the second one answers while the first one cannot."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Protocol

from chat import metrics
from chat.errors import ModelError, ModelTimeout, ModelUnavailable
from tasks.models.call import Call
from tasks.models.circuit_breaker import CircuitBreaker, Permission
from tasks.models.failures import ModelUnusable
from tasks.models.reply_items import ReplyItem, Restart, Thinking
from tasks.models.retry_policy import RetryPolicy
from tasks.prompt import PromptMessage

log = logging.getLogger(__name__)

# The first model may be silent for this share of the time that is left.
SILENCE_SHARE = 0.5

# The first model cannot answer, whatever the person wrote.
_CANNOT_ANSWER = (ModelUnavailable, ModelTimeout, ModelUnusable)


class AnyModel(Protocol):
    """What can answer: `tasks.models.model.Model` says how."""

    def answer(
        self,
        messages: Sequence[PromptMessage],
        partial_text: str,
        call: Call,
        retry: RetryPolicy | None = None,
        *,
        kept_text: str = "",
    ) -> Iterator[ReplyItem]:
        """Yield the reply to ``messages`` as it arrives."""


class Failover:
    """Asks the first model, and the second one if the first cannot answer.

    The second one goes on from the text of the first. Both share the deadline and the bounds of
    the retry policy.
    """

    def __init__(self, first: AnyModel, second: AnyModel, breaker: CircuitBreaker) -> None:
        self._first = first
        self._second = second
        self._breaker = breaker  # of the first

    def answer(
        self,
        messages: Sequence[PromptMessage],
        partial_text: str,
        call: Call,
        retry: RetryPolicy | None = None,
        *,
        kept_text: str = "",
    ) -> Iterator[ReplyItem]:
        """Yield the reply as `Model.answer` does."""
        first_retry = RetryPolicy(has_successor=True)
        permission = self._breaker.ask()
        text, temporary = partial_text, None
        if permission is not Permission.OPEN:
            try:
                items = self._first.answer(messages, text, call, first_retry, kept_text=kept_text)
                for item in self._watched(items, call, permission):
                    if isinstance(item, Restart):
                        text = kept_text
                    elif isinstance(item, str):
                        text += item
                    yield item
                return
            except _CANNOT_ANSWER as error:
                call.time_left()  # raises if the time of both is over
                temporary = None if isinstance(error, ModelUnusable) else error
        metrics.model_fallbacks.inc()
        log.info("the second model is asked")
        second_retry = first_retry.successor()
        try:
            yield from self._second.answer(messages, text, call, second_retry, kept_text=kept_text)
        except ModelUnusable:
            # Another try may reach the first model, so its failure, which suggests one, is raised.
            if temporary is None:
                raise
            raise temporary from None

    def _watched(
        self, items: Iterator[ReplyItem], call: Call, permission: Permission
    ) -> Iterator[ReplyItem]:
        """Yield the items of the first model, limit its silences, and report to the breaker."""
        probing = permission is Permission.PROBE
        call.limit_silence(SILENCE_SHARE)
        try:
            for item in items:
                if isinstance(item, str | Thinking):
                    call.limit_silence(SILENCE_SHARE)
                    if probing:
                        self._breaker.succeeded()
                        probing = False
                yield item
        except _CANNOT_ANSWER:
            probing = False
            self._breaker.failed()
            raise
        except ModelError:  # it has answered, and refuses this message
            probing = False
            self._breaker.succeeded()
            raise
        finally:
            call.lift_limit()
            if probing:
                self._breaker.abandoned()
        self._breaker.succeeded()
