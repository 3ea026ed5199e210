"""Redis answers with errors of any kind: no process ends, and messages are answered afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import redis

from local.redis import EmbeddedRedis
from tests.faults.test_redis_refuses import full_disk
from tests.outage_probe import OutageProbe
from tests.processes import wait_until
from tests.redis_error_proxy import RedisErrorProxy
from tests.simulated_users import concurrent_users
from tests.system import System

# Two seconds are promised; the rest is slack for a busy machine.
MAX_RECOVERY_TIME = 6.0
# Long enough for each loop to fail many times.
OUTAGE_DURATION = 1.5
# The beginning of the line that each loop logs when it fails.
LOOPS = [
    "cannot consume from the broker",
    "sessions cannot be recovered",
    "replies are interrupted",
    "tasks cannot be enqueued, recovery will do it",
    "events are not delivered to WebSockets",
    "sessions cannot be resynced",
]

State = Callable[[System], Iterator[None]]


def kill_connections(admin: redis.Redis) -> None:
    for kind in ("normal", "pubsub"):
        admin.client_kill_filter(_type=kind, skipme=True)


@contextmanager
def administrator(system: System) -> Iterator[redis.Redis]:
    """A connection that keeps its permissions, since it is already open."""
    with redis.Redis.from_url(system.redis.url, single_connection_client=True) as admin:
        yield admin


@contextmanager
def setting(system: System, name: str, value: str, usual: str) -> Iterator[None]:
    with administrator(system) as admin:
        admin.config_set(name, value)
        kill_connections(admin)
        yield
        admin.config_set(name, usual)


@contextmanager
def permissions(system: System, *rules: str) -> Iterator[None]:
    with administrator(system) as admin:
        admin.execute_command("ACL", "SETUSER", "default", *rules)
        yield
        admin.execute_command("ACL", "SETUSER", "default", "allchannels", "allkeys", "+@all")


def oom(system: System) -> Iterator[None]:
    return setting(system, "maxmemory", "1", "0")


def noreplicas(system: System) -> Iterator[None]:
    return setting(system, "min-replicas-to-write", "1", "0")


def noauth(system: System) -> Iterator[None]:
    return setting(system, "requirepass", "another", "")


def max_clients(system: System) -> Iterator[None]:
    return setting(system, "maxclients", "1", "10000")


def noperm_to_write(system: System) -> Iterator[None]:
    return permissions(system, "-@write", "-@scripting")


def noperm_for_all_keys(system: System) -> Iterator[None]:
    return permissions(system, "resetkeys")


@contextmanager
def busy_script(system: System) -> Iterator[None]:
    with administrator(system) as admin, administrator(system) as victim:
        admin.config_set("busy-reply-threshold", 50)
        endless = threading.Thread(target=run_endlessly, args=[victim])
        endless.start()
        yield
        admin.script_kill()
        endless.join()


def run_endlessly(client: redis.Redis) -> None:
    with pytest.raises(redis.RedisError):
        client.eval("while true do end", 0)


REAL = [
    oom,
    noreplicas,
    full_disk,
    noauth,
    max_clients,
    noperm_to_write,
    noperm_for_all_keys,
    busy_script,
]


@pytest.mark.parametrize("state", REAL, ids=lambda state: state.__name__)
def test_clients_get_busy_and_are_answered_after_the_outage(system: System, state: State):
    probe = OutageProbe(system)
    logs = LogCheck(system)
    with concurrent_users(system):
        with state(system):
            probe.until_busy()
            pause(OUTAGE_DURATION)
        restored = time.monotonic()
        probe.seconds_until_answered()
        back = time.monotonic() - restored
    print(f"{state.__name__}: answered {back:.2f} s after the outage")
    assert back < MAX_RECOVERY_TIME
    logs.check()


def test_channels_without_permission_end_no_process(system: System):
    probe = OutageProbe(system)
    with permissions(system, "resetchannels"):
        wait_until(lambda: "events are not delivered to WebSockets" in system.output())
        pause(OUTAGE_DURATION)
    probe.seconds_until_answered()
    assert all(process.running for process in system.processes)


# Errors that a real Redis cannot be made to answer here, and an unknown one.
ERRORS = [
    "LOADING Redis is loading the dataset in memory",
    "CLUSTERDOWN The cluster is down",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "MOVED 3999 127.0.0.1:6381",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "NOSCRIPT No matching script. Please use EVAL.",
    "EXECABORT Transaction discarded because of previous errors.",
    "ERR max requests limit exceeded",
    "WHATEVER a future Redis may say",
]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, RedisErrorProxy]]:
    """A system whose Redis is behind a `RedisErrorProxy`."""
    folder = tmp_path_factory.mktemp("refusing")
    with ExitStack() as stack:
        behind = stack.enter_context(EmbeddedRedis(folder / "behind", appendfsync=None))
        proxy = stack.enter_context(RedisErrorProxy(behind.url))
        yield stack.enter_context(System(folder, REDIS_URL=proxy.url)), proxy


def test_no_error_of_redis_ends_a_process(refusing: tuple[System, RedisErrorProxy]):
    system, proxy = refusing
    probe = OutageProbe(system)
    with concurrent_users(system, 4):
        for error in ERRORS:
            logs = LogCheck(system)
            asked, since = proxy.refused, time.monotonic()
            proxy.refuse(error)
            probe.until_busy()
            wait_until(lambda asked=asked: proxy.refused > asked + 100)
            rate = (proxy.refused - asked) / (time.monotonic() - since)
            proxy.serve()
            restored = time.monotonic()
            probe.seconds_until_answered()
            back = time.monotonic() - restored
            print(
                f"{error.split()[0]}: {rate:.0f} commands/s, answered {back:.2f} s after the outage"
            )
            assert back < MAX_RECOVERY_TIME
            logs.check()


def test_a_worker_that_starts_during_an_outage_waits(refusing: tuple[System, RedisErrorProxy]):
    system, proxy = refusing
    worker = system.workers[0]
    worker.stop()
    proxy.refuse(ERRORS[0])
    before = len(worker.output())
    worker.start()
    wait_until(lambda: "cannot consume from the broker" in worker.output()[before:])
    pause(OUTAGE_DURATION)
    assert worker.running
    proxy.serve()
    worker.ready()


def test_messages_are_answered_after_an_outage_of_the_broker_alone(tmp_path):
    with (
        EmbeddedRedis(tmp_path / "broker", appendfsync=None) as broker,
        RedisErrorProxy(broker.url) as proxy,
        System(tmp_path, CELERY_BROKER_URL=proxy.url) as system,
    ):
        probe = OutageProbe(system)
        logs = LogCheck(system)
        with concurrent_users(system):
            proxy.refuse("READONLY You can't write against a read only replica.")
            pause(OUTAGE_DURATION)
            proxy.serve()
            restored = time.monotonic()
            probe.seconds_until_answered()
        print(f"broker alone: answered {time.monotonic() - restored:.2f} s after the outage")
        logs.check()


def pause(seconds: float) -> None:
    """Let a state last; the test checks that nothing happens meanwhile."""
    time.sleep(seconds)


class LogCheck:
    """Checks what the processes have logged since this object was created."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._before = {process: len(process.output()) for process in system.processes}

    def check(self, outages: int = 1) -> None:
        """Check that each process runs and logs each outage only when it begins and when it ends.

        A loop may log two causes, such as a closed connection and then the reason.
        """
        for process, before in self._before.items():
            output = process.output()[before:]
            assert process.running, output[-4000:]
            assert "Traceback" not in output, output[: output.index("Traceback") + 4000][-6000:]
            for loop in LOOPS:
                lines = [line for line in output.splitlines() if f"{loop}: " in line]
                assert len(lines) <= 3 * outages, lines
        workers = "".join(worker.output() for worker in self._system.workers)
        assert any(f"{loop}: " in workers for loop in LOOPS)
