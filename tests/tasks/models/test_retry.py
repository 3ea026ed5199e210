"""When a model is asked again: each rule, and the bounds, with a clock that is a number."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.errors import ModelRefused, ModelUnavailable
from tasks.models.failures import BadRequest, CannotContinue, Loading, NotReady, PromptTooLong
from tasks.models.retry import (
    BACK_OFF,
    MAX_BACK_OFF,
    MAX_TRIES,
    MOST_ESTIMATE,
    MOST_REQUESTS,
    Again,
    Failure,
    GiveUp,
    Retry,
)

MODEL_TIMEOUT = 120.0


class Asked:
    """A message whose requests fail like this, until its retry gives up or the time is over.

    The last failure repeats.
    """

    def __init__(self, *failures: tuple[Failure, bool], within: float = MODEL_TIMEOUT) -> None:
        self.requests = 0
        self.pauses: list[float] = []
        self.told: list[tuple[str, float]] = []
        self.error: Exception | None = None  # None: the time was over
        retry, now = Retry(), 0.0
        while now < within:
            failure, progress = failures[min(self.requests, len(failures) - 1)]
            self.requests += 1
            decision = retry.after(failure, progress=progress, left=within - now)
            if isinstance(decision, GiveUp):
                self.error = decision.error
                return
            self.pauses.append(decision.pause)
            if decision.wait:
                self.told.append(decision.wait)
            now += decision.pause


def again(failure: Failure, left: float = MODEL_TIMEOUT) -> Again:
    decision = Retry().after(failure, progress=False, left=left)
    assert isinstance(decision, Again)
    return decision


def test_what_may_pass_is_tried_four_times_with_a_pause_that_doubles():
    asked = Asked((NotReady("HTTP 500: broken"), False))
    assert asked.requests == MAX_TRIES == 4
    for pause, least in zip(asked.pauses, (0.5, 1.0, 2.0), strict=True):
        assert least <= pause <= 1.5 * least
    assert isinstance(asked.error, ModelUnavailable)
    assert str(asked.error) == "HTTP 500: broken"
    assert not asked.told


def test_replies_that_fail_together_are_not_asked_again_together():
    assert len({again(NotReady("cut")).pause for _ in range(20)}) > 10
    assert len({again(NotReady("busy", retry_after=60)).pause for _ in range(20)}) > 10


@pytest.mark.parametrize("kind", [ModelRefused, BadRequest])
def test_a_refusal_is_final(kind):
    refused = kind("HTTP 400: no")
    assert Retry().after(refused, progress=True, left=100) == GiveUp(refused)


def test_a_prompt_that_is_too_long_has_one_more_try_after_a_pause():
    too_long = PromptTooLong("HTTP 413: too long")
    asked = Asked((too_long, False))
    assert (asked.requests, asked.error) == (2, too_long)
    assert asked.pauses[0] >= BACK_OFF


def test_a_server_that_cannot_continue_costs_a_try_and_a_pause():
    asked = Asked((CannotContinue("it began anew"), False), (NotReady("cut"), False))
    assert asked.requests == MAX_TRIES
    assert asked.pauses[0] >= BACK_OFF


def test_new_text_begins_a_new_count_of_tries_but_never_of_requests():
    cut = NotReady("cut")
    assert Asked((cut, False), (cut, False), (cut, True), (cut, False)).requests == 2 + MAX_TRIES
    always = Asked((cut, True), within=10**6)
    assert always.requests == MOST_REQUESTS
    assert always.pauses[-1] >= MAX_BACK_OFF


def test_a_server_is_not_asked_before_the_time_that_it_names_and_the_person_told():
    pause, wait = again(NotReady("HTTP 429: busy", retry_after=30, busy=True))
    assert 30 <= pause <= 33
    assert wait == ("busy", 30)


def test_a_server_that_names_no_time_or_none_to_speak_of_is_asked_after_the_usual_pause():
    for named in (None, 0.0, 0.001):
        asked = Asked((NotReady("HTTP 429: busy", retry_after=named, busy=True), False))
        assert asked.requests == MAX_TRIES
        assert asked.pauses[0] >= BACK_OFF
        assert asked.told[0] == ("busy", BACK_OFF)


@pytest.mark.parametrize("named", [None, 30.0, 1e9, float("inf")])
def test_a_pause_beyond_the_deadline_is_the_end_at_once(named):
    busy = NotReady("HTTP 429: busy", retry_after=named, busy=True)
    decision = Retry().after(busy, progress=False, left=0.5)
    assert isinstance(decision, GiveUp)
    assert decision.error.code == "model_unavailable"


@pytest.mark.parametrize("estimate", [0.0, 0.1, 5.0, 300.0, float("inf")])
def test_a_model_that_loads_is_asked_until_the_deadline_with_growing_pauses(estimate):
    asked = Asked((Loading("HTTP 503: loading", retry_after=estimate), False))
    assert asked.error is None  # the deadline was the end
    assert MAX_TRIES < asked.requests <= MODEL_TIMEOUT / MAX_BACK_OFF + 5
    first = max(min(estimate, MOST_ESTIMATE), BACK_OFF)
    assert asked.told[0] == ("model_unavailable", first)
    assert asked.told == sorted(asked.told)


FAILURES = st.sampled_from(
    [
        NotReady("cut"),
        NotReady("busy", retry_after=0.0, busy=True),
        NotReady("busy", retry_after=3.0, busy=True),
        Loading("loading", retry_after=0.0),
        Loading("loading", retry_after=600.0),
        CannotContinue("it began anew"),
        PromptTooLong("too long"),
        ModelRefused("no"),
    ]
)


@given(st.lists(st.tuples(FAILURES, st.booleans()), min_size=1, max_size=40))
def test_no_sequence_of_failures_goes_beyond_the_bounds_or_without_a_pause(failures):
    asked = Asked(*failures)
    counted = [failures[min(n, len(failures) - 1)][0] for n in range(asked.requests)]
    assert sum(not isinstance(failure, Loading) for failure in counted) <= MOST_REQUESTS
    assert asked.requests <= MODEL_TIMEOUT / MAX_BACK_OFF + 5
    assert all(pause >= BACK_OFF for pause in asked.pauses)
    for number, (pause, following) in enumerate(pairwise(asked.pauses)):
        grown = BACK_OFF * 2**number
        assert pause >= min(grown, MAX_BACK_OFF)
        assert following >= min(2 * grown, MAX_BACK_OFF)
