"""A silent connection gets a ping, and is dead if nothing comes within five seconds."""

from __future__ import annotations

import pytest

from terminal.keepalive import (
    CHECK_INTERVAL,
    MAX_CHECK_GAP,
    PONG_TIMEOUT,
    Keepalive,
    Verdict,
    boot_time,
)


class Clock:
    """A clock that a test sets, and a `Keepalive` that is checked as often as in production."""

    def __init__(self):
        self.now = 1000.0
        self.keepalive = Keepalive(lambda: self.now)

    def advance(self, seconds, *, due=False):
        """Let time pass; return the verdicts, each with the seconds after which it came."""
        began, verdicts = self.now, []
        while self.now < began + seconds:
            self.now += 0.5
            verdict = self.keepalive.check(due=due)
            if verdict is not Verdict.FINE:
                verdicts.append((self.now - began, verdict.name))
                if verdict is Verdict.DEAD:
                    break
        return verdicts


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize(("due", "ping_at"), [(True, 10), (False, 25)])
def test_a_silence_leads_to_a_ping_and_no_answer_within_five_seconds_is_death(clock, due, ping_at):
    assert clock.advance(60, due=due) == [(ping_at, "PING"), (ping_at + 5, "DEAD")]


def test_a_reply_that_falls_due_during_a_silence_shortens_it(clock):
    assert clock.advance(9) == []
    assert clock.advance(20, due=True) == [(1, "PING"), (6, "DEAD")]
    clock = Clock()
    assert clock.advance(20) == []
    assert clock.advance(20, due=True) == [(0.5, "PING"), (5.5, "DEAD")]


def test_every_frame_counts_as_an_answer_and_restarts_the_silence(clock):
    for _ in range(5):
        assert clock.advance(14, due=True) == [(10, "PING")]
        clock.keepalive.received()
    for _ in range(5):
        assert clock.advance(9, due=True) == []
        clock.keepalive.received()


@pytest.mark.parametrize("slept", [MAX_CHECK_GAP + 1, 60, 36_000])
@pytest.mark.parametrize("before", [0, 9, 12])
def test_after_a_sleep_a_ping_is_sent_at_once_and_the_silence_counts_from_then(
    clock, slept, before
):
    clock.advance(before, due=True)
    clock.now += slept
    assert clock.keepalive.check(due=False) is Verdict.PING
    assert clock.advance(60) == [(5, "DEAD")]


def test_a_frame_from_before_a_sleep_is_no_answer_after_it(clock):
    clock.now += 3600
    clock.keepalive.received()  # the operating system had buffered it
    assert clock.keepalive.check(due=False) is Verdict.PING


def test_a_second_sleep_before_the_answer_is_no_death(clock):
    for _ in range(3):
        clock.now += 3600
        assert clock.keepalive.check(due=True) is Verdict.PING
        clock.now += 2
        assert clock.keepalive.check(due=True) is Verdict.FINE


def test_the_intervals_fit_together():
    assert CHECK_INTERVAL < MAX_CHECK_GAP < PONG_TIMEOUT


def test_the_real_clock_never_goes_back():
    assert boot_time() <= boot_time()
