"""Redis answers with an error, whichever it is: nobody dies, and all goes on when it is cured."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import redis

from local.redis import EmbeddedRedis
from tests.crowd import Witness, crowd
from tests.faults.test_redis_refuses import full_disk
from tests.processes import wait_until
from tests.redis_error_proxy import RedisErrorProxy
from tests.system import System

# The promise is two seconds; the rest is for a machine that does much else.
BACK_WITHIN = 6.0
# Long enough for each loop to fail many times.
LASTS = 1.5
# What they say that something does not work.
LOOPS = [
    "the broker cannot be listened to",
    "sessions cannot be recovered",
    "replies are interrupted",
    "tasks cannot be enqueued; recovery makes up for them",
    "no events reach the sockets",
    "sockets cannot be shown their sessions again",
]

State = Callable[[System], Iterator[None]]


def kill_connections(admin: redis.Redis) -> None:
    for kind in ("normal", "pubsub"):
        admin.client_kill_filter(_type=kind, skipme=True)


@contextmanager
def administrator(system: System) -> Iterator[redis.Redis]:
    """A connection that keeps the rights that it has."""
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
def rights(system: System, *rules: str) -> Iterator[None]:
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
    return rights(system, "-@write", "-@scripting")


def noperm_for_all_keys(system: System) -> Iterator[None]:
    return rights(system, "resetkeys")


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
def test_everybody_is_told_busy_and_answered_after_the_cure(system: System, state: State):
    witness = Witness(system)
    since = Said(system)
    with crowd(system):
        with state(system):
            witness.until_busy()
            pause(LASTS)
        cured = time.monotonic()
        witness.seconds_until_answered()
        back = time.monotonic() - cured
    print(f"{state.__name__}: answered {back:.2f} s after the cure")
    assert back < BACK_WITHIN
    since.once()


def test_channels_that_may_not_be_heard_end_no_process(system: System):
    witness = Witness(system)
    with rights(system, "resetchannels"):
        wait_until(lambda: "no events reach the sockets" in system.output())
        pause(LASTS)
    witness.seconds_until_answered()
    assert all(process.running for process in system.processes)


# Those that the real ones above do not answer, and one that nobody has heard of.
WORDS = [
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
        refuser = stack.enter_context(RedisErrorProxy(behind.url))
        yield stack.enter_context(System(folder, REDIS_URL=refuser.url)), refuser


def test_no_word_of_redis_ends_a_process(refusing: tuple[System, RedisErrorProxy]):
    system, refuser = refusing
    witness = Witness(system)
    with crowd(system, 4):
        for error in WORDS:
            said = Said(system)
            asked, since = refuser.refused, time.monotonic()
            refuser.refuse(error)
            witness.until_busy()
            wait_until(lambda asked=asked: refuser.refused > asked + 100)
            rate = (refuser.refused - asked) / (time.monotonic() - since)
            refuser.serve()
            cured = time.monotonic()
            witness.seconds_until_answered()
            back = time.monotonic() - cured
            print(
                f"{error.split()[0]}: {rate:.0f} commands/s, answered {back:.2f} s after the cure"
            )
            assert back < BACK_WITHIN
            said.once()


def test_a_worker_that_starts_meanwhile_waits(refusing: tuple[System, RedisErrorProxy]):
    system, refuser = refusing
    worker = system.workers[0]
    worker.stop()
    refuser.refuse(WORDS[0])
    before = len(worker.output())
    worker.start()
    wait_until(lambda: "the broker cannot be listened to" in worker.output()[before:])
    pause(LASTS)
    assert worker.running
    refuser.serve()
    worker.ready()


def test_a_broker_that_refuses_alone_leaves_messages_to_be_answered_later(tmp_path):
    with (
        EmbeddedRedis(tmp_path / "broker", appendfsync=None) as broker,
        RedisErrorProxy(broker.url) as refuser,
        System(tmp_path, CELERY_BROKER_URL=refuser.url) as system,
    ):
        witness = Witness(system)
        since = Said(system)
        with crowd(system):
            refuser.refuse("READONLY You can't write against a read only replica.")
            pause(LASTS)
            refuser.serve()
            cured = time.monotonic()
            witness.seconds_until_answered()
        print(f"broker alone: answered {time.monotonic() - cured:.2f} s after the cure")
        since.once()


def pause(seconds: float) -> None:
    """Let something last; what is waited for is that nothing happens."""
    time.sleep(seconds)


class Said:
    """What the processes say from its making on."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._before = {process: len(process.output()) for process in system.processes}

    def once(self, outages: int = 1) -> None:
        """Check that each process lives, and says of an outage what is wrong and that it is over.

        A loop may give two causes, such as a closed connection and then the reason.
        """
        for process, before in self._before.items():
            said = process.output()[before:]
            assert process.running, said[-4000:]
            assert "Traceback" not in said, said[: said.index("Traceback") + 4000][-6000:]
            for loop in LOOPS:
                lines = [line for line in said.splitlines() if f"{loop}: " in line]
                assert len(lines) <= 3 * outages, lines
        workers = "".join(worker.output() for worker in self._system.workers)
        assert any(f"{loop}: " in workers for loop in LOOPS)
