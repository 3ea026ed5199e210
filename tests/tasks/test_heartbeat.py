"""A heartbeat is written only while the consumer ticks."""

from __future__ import annotations

import threading

import pytest

from chat.redis_client import connect
from chat.worker_heartbeat import HEARTBEAT_INTERVAL, KEY
from tasks.heartbeat import TICK_INTERVAL, Heartbeat
from tests.processes import free_port, wait_until


@pytest.fixture
def heartbeat(client, clock):
    """A heartbeat whose thread is running."""
    heartbeat = Heartbeat(client, clock)
    thread = start(heartbeat)
    yield heartbeat
    heartbeat.stop()
    heartbeat.tick("")
    thread.join()


def start(heartbeat):
    thread = threading.Thread(target=heartbeat.run)
    thread.start()
    return thread


def wait_for_heartbeat(client):
    """Wait for a heartbeat and delete it."""
    wait_until(lambda: client.delete(KEY))


def test_the_first_tick_writes_a_heartbeat_and_each_interval_one_more(heartbeat, client, clock):
    heartbeat.tick("worker@one")
    wait_for_heartbeat(client)
    for _ in range(3):
        clock.now += HEARTBEAT_INTERVAL
        assert not client.exists(KEY)  # none without a tick of the consumer
        heartbeat.tick("worker@one")
        wait_for_heartbeat(client)


def test_a_tick_within_the_interval_writes_no_heartbeat(heartbeat, client, clock):
    heartbeat.tick("worker@one")
    wait_for_heartbeat(client)
    client.config_resetstat()
    clock.now += HEARTBEAT_INTERVAL - TICK_INTERVAL
    heartbeat.tick("worker@one")  # too early
    clock.now += TICK_INTERVAL
    heartbeat.tick("worker@one")
    wait_for_heartbeat(client)
    assert client.info("commandstats")["cmdstat_set"]["calls"] == 1


def test_a_stopped_heartbeat_writes_nothing_more(client, clock):
    heartbeat = Heartbeat(client, clock)
    thread = start(heartbeat)
    heartbeat.stop()
    heartbeat.tick("worker@one")
    thread.join()
    assert not client.exists(KEY)


def test_an_unreachable_redis_is_logged_once_and_does_not_end_the_thread(client, clock, caplog):
    unreachable = connect(f"redis://127.0.0.1:{free_port()}", retries=0)
    heartbeat = Heartbeat(unreachable, clock)
    thread = start(heartbeat)
    for _ in range(3):
        heartbeat.tick("worker@one")
        wait_until(lambda: caplog.records)
    assert thread.is_alive()
    heartbeat.stop()
    heartbeat.tick("worker@one")
    thread.join()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
