"""A heartbeat is written while the consumer ticks, and not otherwise."""

from __future__ import annotations

import threading

import pytest

from chat.redis_client import connect
from chat.worker_presence import BEAT_EVERY, KEY
from tasks.heartbeat import TICK_EVERY, Heartbeat
from tests.processes import free_port, wait_until


class Clock:
    """A clock that goes on when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def heartbeat(client, clock):
    """A heartbeat whose thread runs."""
    heartbeat = Heartbeat(client, clock)
    thread = started(heartbeat)
    yield heartbeat
    heartbeat.stop()
    heartbeat.tick("")
    thread.join()


def started(heartbeat):
    thread = threading.Thread(target=heartbeat.run)
    thread.start()
    return thread


def until_beaten(client):
    """Wait for a heartbeat, and take it away."""
    wait_until(lambda: client.delete(KEY))


def test_the_first_tick_is_a_heartbeat_and_more_follow_in_time(heartbeat, client, clock):
    heartbeat.tick("worker@one")
    until_beaten(client)
    for _ in range(3):
        clock.now += BEAT_EVERY
        assert not client.exists(KEY)  # without a tick of the consumer there is none
        heartbeat.tick("worker@one")
        until_beaten(client)


def test_it_is_not_written_with_every_tick(heartbeat, client, clock):
    heartbeat.tick("worker@one")
    until_beaten(client)
    client.config_resetstat()
    clock.now += BEAT_EVERY - TICK_EVERY
    heartbeat.tick("worker@one")  # too early
    clock.now += TICK_EVERY
    heartbeat.tick("worker@one")
    until_beaten(client)
    assert client.info("commandstats")["cmdstat_set"]["calls"] == 1


def test_it_ends_when_the_worker_shuts_down(client, clock):
    heartbeat = Heartbeat(client, clock)
    thread = started(heartbeat)
    heartbeat.stop()
    heartbeat.tick("worker@one")
    thread.join()
    assert not client.exists(KEY)


def test_a_redis_that_is_away_is_told_once_and_ends_nothing(client, clock, caplog):
    away = connect(f"redis://127.0.0.1:{free_port()}", retries=0)
    heartbeat = Heartbeat(away, clock)
    thread = started(heartbeat)
    for _ in range(3):
        heartbeat.tick("worker@one")
        wait_until(lambda: caplog.records)
    assert thread.is_alive()
    heartbeat.stop()
    heartbeat.tick("worker@one")
    thread.join()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
