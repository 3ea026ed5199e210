"""Each rule and each bound of the retry policy. The clock is a number."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.errors import ModelRefused, ModelUnavailable
from tasks.models.failures import (
    BadRequest,
    CannotContinue,
    ModelLoading,
    ParametersRefused,
    PromptTooLong,
    TransientError,
)
from tasks.models.retry_policy import (
    INITIAL_BACKOFF,
    MAX_BACKOFF,
    MAX_LOADING_PAUSE,
    MAX_REQUESTS,
    MAX_TRIES,
    Abort,
    Failure,
    RetryAfter,
    RetryPolicy,
)

MODEL_TIMEOUT = 120.0


class Message:
    """A message whose requests fail until `Retry` decides to abort or the timeout is over.

    ``failures`` are pairs of a failure and its progress. The last one repeats.
    """

    def __init__(self, *failures: tuple[Failure, bool], timeout: float = MODEL_TIMEOUT) -> None:
        self.requests = 0
        self.pauses: list[float] = []
        self.notices: list[tuple[str, float]] = []
        self.error: Exception | None = None  # None: the timeout was over
        retry, now = RetryPolicy(), 0.0
        while now < timeout:
            failure, progress = failures[min(self.requests, len(failures) - 1)]
            self.requests += 1
            decision = retry.decide(failure, progress=progress, time_left=timeout - now)
            if isinstance(decision, Abort):
                self.error = decision.error
                return
            self.pauses.append(decision.pause)
            if decision.notice:
                self.notices.append(decision.notice)
            now += decision.pause


def first_decision(failure: Failure) -> RetryAfter:
    decision = RetryPolicy().decide(failure, progress=False, time_left=MODEL_TIMEOUT)
    assert isinstance(decision, RetryAfter)
    return decision


def test_a_temporary_failure_gets_four_requests_with_a_pause_that_doubles():
    message = Message((TransientError("HTTP 500: broken"), False))
    assert message.requests == MAX_TRIES == 4
    for pause, least in zip(message.pauses, (0.5, 1.0, 2.0), strict=True):
        assert least <= pause <= 1.5 * least
    assert isinstance(message.error, ModelUnavailable)
    assert str(message.error) == "HTTP 500: broken"
    assert not message.notices


def test_replies_that_fail_together_are_not_retried_together():
    assert len({first_decision(TransientError("cut")).pause for _ in range(20)}) > 10
    busy = TransientError("busy", retry_after=60)
    assert len({first_decision(busy).pause for _ in range(20)}) > 10


@pytest.mark.parametrize("kind", [ModelRefused, BadRequest])
def test_a_refusal_is_final(kind):
    refused = kind("HTTP 400: no")
    assert RetryPolicy().decide(refused, progress=True, time_left=100) == Abort(refused)


def test_a_prompt_that_is_too_long_is_retried_once_after_a_pause():
    too_long = PromptTooLong("HTTP 413: too long")
    message = Message((too_long, False))
    assert (message.requests, message.error) == (2, too_long)
    assert message.pauses[0] >= INITIAL_BACKOFF


def test_a_server_that_cannot_continue_costs_a_try_and_a_pause():
    message = Message((CannotContinue("another reply"), False), (TransientError("cut"), False))
    assert message.requests == MAX_TRIES
    assert message.pauses[0] >= INITIAL_BACKOFF


REFUSED = ParametersRefused("HTTP 400: stop", {})


def test_refused_parameters_are_no_tries_and_lengthen_no_pause():
    """The next request is another one. The servers' parameters bound these, and `MAX_REQUESTS`."""
    cut = TransientError("cut")
    message = Message(*[(REFUSED, False)] * 5, (cut, False))
    assert message.requests == 5 + MAX_TRIES
    for pause, least in zip(message.pauses, (0.5,) * 6 + (1.0, 2.0), strict=True):
        assert least <= pause <= 1.5 * least
    assert Message((REFUSED, False)).requests == MAX_REQUESTS


@pytest.mark.parametrize(
    "failure",
    [
        TransientError("HTTP 500: broken"),
        ModelLoading("loading", retry_after=1.0),
        TransientError("busy", retry_after=0.1, busy=True),
    ],
)
def test_a_model_with_a_successor_gets_two_tries_and_the_successor_the_rest(failure):
    first = RetryPolicy(has_successor=True)
    assert isinstance(first.decide(failure, progress=False, time_left=100), RetryAfter)
    assert isinstance(first.decide(failure, progress=False, time_left=100), Abort)
    second, requests = first.successor(), 1
    cut = TransientError("cut")
    while isinstance(second.decide(cut, progress=False, time_left=100), RetryAfter):
        requests += 1
    assert 2 + requests == MAX_TRIES


@pytest.mark.parametrize("retry_after", [30.0, float("inf")])
def test_a_model_with_a_successor_is_not_waited_for(retry_after):
    busy = TransientError("busy", retry_after=retry_after, busy=True)
    decision = RetryPolicy(has_successor=True).decide(busy, progress=False, time_left=100)
    assert isinstance(decision, Abort)


def test_both_models_share_the_bound_of_requests():
    first, requests = RetryPolicy(has_successor=True), 0
    for policy in (lambda: first, first.successor):
        retry, aborted = policy(), False
        while not aborted:
            requests += 1
            decision = retry.decide(TransientError("cut"), progress=True, time_left=1e9)
            aborted = isinstance(decision, Abort)
    assert requests == MAX_REQUESTS


def test_new_text_resets_the_count_of_tries_but_not_of_requests():
    cut = TransientError("cut")
    assert Message((cut, False), (cut, False), (cut, True), (cut, False)).requests == 2 + MAX_TRIES
    always = Message((cut, True), timeout=10**6)
    assert always.requests == MAX_REQUESTS
    assert always.pauses[-1] >= MAX_BACKOFF


def test_a_retry_after_delays_the_next_request_and_is_in_the_notice():
    pause, notice = first_decision(TransientError("HTTP 429: busy", retry_after=30, busy=True))
    assert 30 <= pause <= 33
    assert notice == ("busy", 30)


def test_without_a_retry_after_or_with_a_short_one_the_pause_is_the_usual_one():
    for retry_after in (None, 0.0, 0.001):
        busy = TransientError("HTTP 429: busy", retry_after=retry_after, busy=True)
        message = Message((busy, False))
        assert message.requests == MAX_TRIES
        assert message.pauses[0] >= INITIAL_BACKOFF
        assert message.notices[0] == ("busy", INITIAL_BACKOFF)


@pytest.mark.parametrize("retry_after", [None, 30.0, 1e9, float("inf")])
def test_a_pause_past_the_deadline_aborts_at_once(retry_after):
    busy = TransientError("HTTP 429: busy", retry_after=retry_after, busy=True)
    decision = RetryPolicy().decide(busy, progress=False, time_left=0.5)
    assert isinstance(decision, Abort)
    assert decision.error.code == "model_unavailable"


@pytest.mark.parametrize("estimate", [0.0, 0.1, 5.0, 300.0, float("inf")])
def test_a_loading_model_is_retried_until_the_deadline_with_growing_pauses(estimate):
    message = Message((ModelLoading("HTTP 503: loading", retry_after=estimate), False))
    assert message.error is None  # it did not abort
    assert MAX_TRIES < message.requests <= MODEL_TIMEOUT / MAX_BACKOFF + 5
    first = max(min(estimate, MAX_LOADING_PAUSE), INITIAL_BACKOFF)
    assert message.notices[0] == ("model_unavailable", first)
    assert message.notices == sorted(message.notices)


FAILURES = st.sampled_from(
    [
        TransientError("cut"),
        TransientError("busy", retry_after=0.0, busy=True),
        TransientError("busy", retry_after=3.0, busy=True),
        ModelLoading("loading", retry_after=0.0),
        ModelLoading("loading", retry_after=600.0),
        CannotContinue("another reply"),
        PromptTooLong("too long"),
        ModelRefused("no"),
    ]
)


@given(st.lists(st.tuples(FAILURES, st.booleans()), min_size=1, max_size=40))
def test_no_sequence_of_failures_exceeds_a_bound_or_skips_a_pause(failures):
    message = Message(*failures)
    counted = [failures[min(n, len(failures) - 1)][0] for n in range(message.requests)]
    assert sum(not isinstance(failure, ModelLoading) for failure in counted) <= MAX_REQUESTS
    assert message.requests <= MODEL_TIMEOUT / MAX_BACKOFF + 5
    assert all(pause >= INITIAL_BACKOFF for pause in message.pauses)
    for number, (pause, following) in enumerate(pairwise(message.pauses)):
        backoff = INITIAL_BACKOFF * 2**number
        assert pause >= min(backoff, MAX_BACKOFF)
        assert following >= min(2 * backoff, MAX_BACKOFF)
