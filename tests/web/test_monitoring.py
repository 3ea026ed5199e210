"""Health and readiness: what is missing is named, in bounded time, and nobody can flood Redis."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pytest
import redis
import requests

from chat.worker_heartbeat import KEY
from local.redis import EmbeddedRedis, _executables
from tests.processes import Web, free_port, wait_until
from tests.system import System


def get(web: Web, path: str) -> requests.Response:
    return requests.get(web.url + path, timeout=20)


def missing(web: Web) -> list[str]:
    response = get(web, "/readyz")
    if response.status_code == 200:
        assert response.json() == {"status": "ready"}
        return []
    assert response.status_code == 503
    assert set(response.json()) == {"detail", "missing"}
    assert response.json()["detail"]
    assert response.headers["Retry-After"]
    return response.json()["missing"]


@contextmanager
def suspended(server: EmbeddedRedis) -> Iterator[None]:
    """Suspend Redis: it accepts connections and answers nothing."""
    process = psutil.Process(server.process.pid)
    family = [process, *process.children(recursive=True)]
    for each in family:
        each.suspend()
    try:
        yield
    finally:
        for each in family:
            each.resume()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A web process and Redis, without a worker."""
    with System(tmp_path_factory.mktemp("alone"), webs=1, workers=0) as system:
        yield system


@pytest.fixture
def without_redis_json(tmp_path) -> Iterator[str]:
    """The URL of a Redis without modules."""
    port = free_port()
    command = [str(_executables()[0]), "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen([*command, "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL)
    yield f"redis://127.0.0.1:{port}"
    server.kill()
    server.wait()


def test_a_system_with_a_worker_is_alive_and_ready(system):
    for web in system.webs:
        assert get(web, "/healthz").status_code == 200
        wait_until(lambda web=web: missing(web) == [])


def test_a_worker_that_was_not_seen_for_15_s_is_missing(alone):
    alone.client.delete(KEY)
    wait_until(lambda: missing(alone.web) == ["worker"])
    alone.client.set(KEY, "a worker", px=24 * 3600 * 1000)
    wait_until(lambda: missing(alone.web) == [])
    alone.age_heartbeat()
    wait_until(lambda: missing(alone.web) == ["worker"])
    assert "15 s" in get(alone.web, "/readyz").json()["detail"]


def test_a_redis_without_redis_json_is_named_as_that(tmp_path, without_redis_json):
    web = Web({"REDIS_URL": without_redis_json}, tmp_path / "web.log")
    try:
        web.ready()
        assert missing(web) == ["redisjson", "worker"]
        assert "RedisJSON" in get(web, "/readyz").json()["detail"]
    finally:
        web.kill()


def test_without_redis_the_process_is_alive_and_not_ready_and_ready_again_afterwards(alone):
    alone.client.set(KEY, "a worker", px=24 * 3600 * 1000)
    alone.redis.kill()
    try:
        wait_until(lambda: missing(alone.web) == ["redis"])
        assert get(alone.web, "/healthz").status_code == 200
        assert str(alone.redis.port) not in get(alone.web, "/readyz").text
    finally:
        alone.redis.start()
    alone.client.set(KEY, "a worker", px=24 * 3600 * 1000)
    wait_until(lambda: missing(alone.web) == [])


def test_a_redis_that_hangs_is_missing_in_bounded_time_for_everybody_who_asks(alone):
    with suspended(alone.redis), ThreadPoolExecutor(20) as pool:
        wait_until(lambda: missing(alone.web) == ["redis"])  # the last result is kept for a second
        began = time.monotonic()
        assert list(pool.map(lambda _: missing(alone.web), range(20))) == [["redis"]] * 20
        assert get(alone.web, "/healthz").status_code == 200
        metrics = get(alone.web, "/metrics").text
        assert time.monotonic() - began < 12  # two checks of 2.5 s at most, on a busy machine
    assert "\nchat_redis_up 0.0\n" in metrics
    assert "\nchat_sessions_connected" in metrics


def test_many_requests_cost_redis_few_commands(alone):
    def calls() -> int:
        with redis.Redis.from_url(alone.redis.url) as client:
            stats = client.info("commandstats")
        names = ("cmdstat_JSON.GET", "cmdstat_json.get", "cmdstat_mget")
        return sum(stats[name]["calls"] for name in names if name in stats)

    before, began = calls(), time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: get(alone.web, "/readyz"), range(150)))
        list(pool.map(lambda _: get(alone.web, "/metrics"), range(50)))
    seconds = time.monotonic() - began
    assert 1 <= calls() - before <= 2 * (seconds + 2)  # one check of each kind a second


def test_probes_leave_no_line_in_the_access_log_but_refusals_do(alone):
    alone.client.set(KEY, "a worker", px=24 * 3600 * 1000)
    wait_until(lambda: missing(alone.web) == [])
    before = len(alone.web.output())
    for path in ("/healthz", "/readyz", "/metrics"):
        assert get(alone.web, path).status_code == 200
    alone.client.delete(KEY)
    wait_until(lambda: missing(alone.web) == ["worker"])
    lines = [each for each in alone.web.records(after=before) if each["event"] == "request"]
    wait_until(lambda: "/readyz" in alone.web.output()[before:])
    assert {(line["path"], line["status"]) for line in lines} <= {("/readyz", 503)}
