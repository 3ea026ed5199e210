"""When a worker was last seen, and what that proves."""

from __future__ import annotations

import pytest

from chat.worker_presence import ABSENT_AFTER, BEAT_EVERY, KEY, Absence, beat, last_seen


class Clock:
    """A clock that goes on when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_heartbeat_may_fail_twice_before_workers_count_as_absent():
    assert 2 * BEAT_EVERY < ABSENT_AFTER


def test_no_worker_was_ever_seen(client):
    assert last_seen(client) is None


def test_the_age_of_a_heartbeat_is_redis_own_and_the_key_goes_in_the_end(client):
    beat(client, "worker@one")
    assert 0 <= last_seen(client) < 1
    left = client.pttl(KEY)
    client.pexpire(KEY, left - 40_000)
    assert 40 <= last_seen(client) < 41
    beat(client, "worker@two")
    assert last_seen(client) < 1
    assert client.get(KEY) == "worker@two"
    client.persist(KEY)  # no worker writes such a one
    assert last_seen(client) is None


def test_a_recent_heartbeat_means_that_a_worker_is_there(clock):
    absence = Absence(clock)
    assert absence.read(0.0) is False
    assert absence.read(ABSENT_AFTER - 0.1) is False


@pytest.mark.parametrize("age", [None, ABSENT_AFTER, 3600.0])
def test_an_old_heartbeat_proves_nothing_until_redis_could_be_read_for_long_enough(clock, age):
    absence = Absence(clock)
    assert absence.read(age) is None
    clock.now += ABSENT_AFTER - 0.1
    assert absence.read(age) is None
    clock.now += 0.2
    assert absence.read(age) is True


def test_after_redis_was_away_the_count_begins_anew(clock):
    absence = Absence(clock)
    absence.read(1.0)
    clock.now += 3600
    absence.unreadable()
    clock.now += 60
    absence.unreadable()
    clock.now += 2
    assert absence.read(64.0) is None  # no worker could write either
    clock.now += 2
    assert absence.read(1.0) is False
    clock.now += ABSENT_AFTER
    assert absence.read(ABSENT_AFTER) is True
