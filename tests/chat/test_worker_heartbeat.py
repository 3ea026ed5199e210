"""The age of the last heartbeat, and when workers count as absent."""

from __future__ import annotations

import pytest

from chat.worker_heartbeat import (
    ABSENT_AFTER,
    HEARTBEAT_INTERVAL,
    KEY,
    Absence,
    heartbeat_age,
    write_heartbeat,
)


class Clock:
    """A clock that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_two_heartbeats_may_fail_before_workers_count_as_absent():
    assert 2 * HEARTBEAT_INTERVAL < ABSENT_AFTER


def test_without_any_heartbeat_the_age_is_unknown(client):
    assert heartbeat_age(client) is None


def test_the_age_of_a_heartbeat_comes_from_the_expiry_of_its_key(client):
    write_heartbeat(client, "worker@one")
    assert 0 <= heartbeat_age(client) < 1
    left = client.pttl(KEY)
    client.pexpire(KEY, left - 40_000)
    assert 40 <= heartbeat_age(client) < 41
    write_heartbeat(client, "worker@two")
    assert heartbeat_age(client) < 1
    assert client.get(KEY) == "worker@two"
    client.persist(KEY)  # no worker writes a key without expiry
    assert heartbeat_age(client) is None


def test_a_recent_heartbeat_means_that_a_worker_is_present(clock):
    absence = Absence(clock)
    assert absence.read(0.0) is False
    assert absence.read(ABSENT_AFTER - 0.1) is False


@pytest.mark.parametrize("age", [None, ABSENT_AFTER, 3600.0])
def test_an_old_heartbeat_counts_only_after_redis_could_be_read_for_long_enough(clock, age):
    absence = Absence(clock)
    assert absence.read(age) is None
    clock.now += ABSENT_AFTER - 0.1
    assert absence.read(age) is None
    clock.now += 0.2
    assert absence.read(age) is True


def test_an_old_heartbeat_does_not_count_right_after_redis_was_away(clock):
    absence = Absence(clock)
    absence.read(1.0)
    clock.now += 3600
    absence.unreadable()
    clock.now += 60
    absence.unreadable()
    clock.now += 2
    assert absence.read(64.0) is None  # no worker could write a heartbeat
    clock.now += 2
    assert absence.read(1.0) is False
    clock.now += ABSENT_AFTER
    assert absence.read(ABSENT_AFTER) is True
