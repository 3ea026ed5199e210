"""A connection that went silent is pinged, and dropped when nothing comes within five seconds."""

from __future__ import annotations

import pytest

from terminal.liveness import LOOK_EVERY, PONG_WITHIN, UNSEEN, Liveness, Verdict, awake_or_not


class Clock:
    """A clock that a test sets, read by a rule that is asked as often as in life."""

    def __init__(self):
        self.now = 1000.0
        self.liveness = Liveness(lambda: self.now)

    def passes(self, seconds, *, due=False):
        """Let time pass; return what was to be done, with the seconds after which it was."""
        began, found = self.now, []
        while self.now < began + seconds:
            self.now += 0.5
            verdict = self.liveness.check(due=due)
            if verdict is not Verdict.FINE:
                found.append((self.now - began, verdict.name))
                if verdict is Verdict.DEAD:
                    break
        return found


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize(("due", "pinged"), [(True, 10), (False, 25)])
def test_silence_is_pinged_and_no_answer_within_five_seconds_is_death(clock, due, pinged):
    assert clock.passes(60, due=due) == [(pinged, "PING"), (pinged + 5, "DEAD")]


def test_a_reply_that_falls_due_in_a_silence_shortens_it(clock):
    assert clock.passes(9) == []
    assert clock.passes(20, due=True) == [(1, "PING"), (6, "DEAD")]
    clock = Clock()
    assert clock.passes(20) == []
    assert clock.passes(20, due=True) == [(0.5, "PING"), (5.5, "DEAD")]


def test_whatever_comes_counts_as_an_answer_and_begins_the_silence_anew(clock):
    for _ in range(5):
        assert clock.passes(14, due=True) == [(10, "PING")]
        clock.liveness.heard()
    for _ in range(5):
        assert clock.passes(9, due=True) == []
        clock.liveness.heard()


@pytest.mark.parametrize("slept", [UNSEEN + 1, 60, 36_000])
@pytest.mark.parametrize("before", [0, 9, 12])
def test_after_a_sleep_it_is_pinged_at_once_and_judged_only_from_then(clock, slept, before):
    clock.passes(before, due=True)
    clock.now += slept
    assert clock.liveness.check(due=False) is Verdict.PING
    assert clock.passes(60) == [(5, "DEAD")]


def test_what_had_come_before_a_sleep_does_not_stand_for_an_answer_after_it(clock):
    clock.now += 3600
    clock.liveness.heard()  # it was in the machine already
    assert clock.liveness.check(due=False) is Verdict.PING


def test_a_second_sleep_before_the_answer_is_no_death(clock):
    for _ in range(3):
        clock.now += 3600
        assert clock.liveness.check(due=True) is Verdict.PING
        clock.now += 2
        assert clock.liveness.check(due=True) is Verdict.FINE


def test_the_numbers_fit_together():
    assert LOOK_EVERY < UNSEEN < PONG_WITHIN


def test_the_real_clock_never_goes_back():
    assert awake_or_not() <= awake_or_not()
