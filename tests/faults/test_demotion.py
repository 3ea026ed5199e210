"""The primary is demoted and promoted again under load."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis

from local.redis import EmbeddedRedis
from tests.faults.test_redis_answers import MAX_RECOVERY_TIME, OUTAGE_DURATION, LogCheck, pause
from tests.outage_probe import OutageProbe
from tests.processes import wait_until
from tests.simulated_users import USERS, concurrent_users
from tests.system import System

ROUNDS = 3


@pytest.fixture
def replica(system: System, tmp_path) -> Iterator[redis.Redis]:
    """A replica of the system's Redis that has all its data."""
    with EmbeddedRedis(tmp_path / "replica", appendfsync=None) as server:
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            client.replicaof("127.0.0.1", system.redis.port)
            wait_until(lambda: client.info("replication").get("master_link_status") == "up")
            yield client
        system.client.replicaof("NO", "ONE")


def fail_over(primary: redis.Redis, replica: redis.Redis) -> None:
    """Demote ``primary`` to a replica of ``replica`` without loss."""
    port = replica.connection_pool.connection_kwargs["port"]
    primary.execute_command("FAILOVER", "TO", "127.0.0.1", port)
    wait_until(lambda: primary.info("replication").get("master_link_status") == "up")


def test_a_demotion_under_load_loses_nothing_and_ends_no_process(
    system: System, replica: redis.Redis
):
    probe = OutageProbe(system)
    logs = LogCheck(system)
    with concurrent_users(system) as outcome:
        for _ in range(ROUNDS):
            fail_over(system.client, replica)
            probe.until_busy()
            pause(OUTAGE_DURATION)
            fail_over(replica, system.client)
            restored = time.monotonic()
            probe.seconds_until_answered()
            back = time.monotonic() - restored
            print(f"answered {back:.2f} s after the promotion")
            assert back < MAX_RECOVERY_TIME
            answered = outcome.replies
            wait_until(lambda answered=answered: outcome.replies >= answered + USERS)
    print(outcome)
    logs.check(outages=ROUNDS)
