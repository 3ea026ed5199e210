"""`compose.yaml` and the Dockerfile, held against the code as far as that needs no engine."""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from chat.settings import load_settings
from chat.timing import GRACEFUL_TIMEOUT
from tests.deploy.launch import PROCFILE, VARIABLES
from tests.processes import ROOT, free_port
from web.app import create_app

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = sorted(PROCFILE)
DOCKERFILE = (ROOT / "Dockerfile").read_text()
INTERPOLATED = re.compile(r"(?<!\$)\$\{(\w+)")
COPIES = [
    source
    for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)
    for source in line.split()[:-1]
]


def seconds(duration: str) -> float:
    assert duration.endswith("s")
    return float(duration[:-1])


def container_port(service: str) -> str:
    [mapping] = SERVICES[service]["ports"]
    return mapping.rpartition(":")[2]


def test_it_has_redis_and_the_processes_of_the_procfile():
    assert sorted(SERVICES) == sorted([*PROCFILE, "redis"])


@pytest.mark.parametrize("service", OURS)
def test_each_command_is_that_of_the_procfile(service):
    assert SERVICES[service]["command"] == PROCFILE[service]


def test_flower_listens_on_the_port_that_is_published():
    assert f"--port={container_port('flower')}" in SERVICES["flower"]["command"]


@pytest.mark.parametrize("service", OURS)
def test_each_variable_is_one_of_the_code(service):
    assert set(SERVICES[service]["environment"]) <= VARIABLES
    assert set(INTERPOLATED.findall(str(SERVICES[service]))) <= VARIABLES


@pytest.mark.parametrize("service", OURS)
def test_an_env_file_for_the_host_does_not_move_redis_or_the_port(service):
    on_the_host = {
        "PORT": "4000",
        "REDIS_URL": "redis://127.0.0.1:1",
        "REDIS_TLS_URL": "rediss://elsewhere:2",
        "REDISCLOUD_URL": "redis://elsewhere:3",
        "MODEL_URL": "http://model/",
    }
    environment = {**on_the_host, **SERVICES[service]["environment"]}
    environment = {name: value for name, value in environment.items() if "$" not in value}
    settings = load_settings(environment)
    assert settings.redis_url == "redis://redis:6379/0"
    if service == "web":
        assert str(settings.port) == container_port("web")


@pytest.mark.parametrize("service", OURS)
def test_ports_are_open_to_this_machine_only(service):
    for mapping in SERVICES[service].get("ports", []):
        assert mapping.startswith("127.0.0.1:")


@pytest.mark.parametrize("service", OURS)
def test_a_container_is_not_killed_before_its_process_has_ended(service):
    assert seconds(SERVICES[service]["stop_grace_period"]) > GRACEFUL_TIMEOUT + 5


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_each_service_starts_again_and_has_a_health_check_that_ends(service):
    check = SERVICES[service]["healthcheck"]
    assert SERVICES[service]["restart"] == "unless-stopped"
    assert seconds(check["timeout"]) < seconds(check["interval"])


@pytest.mark.parametrize("service", OURS)
def test_each_process_waits_for_a_healthy_redis(service):
    assert SERVICES[service]["depends_on"] == {"redis": {"condition": "service_healthy"}}


def test_redis_evicts_nothing_keeps_a_log_and_has_a_volume():
    redis = SERVICES["redis"]
    assert redis["image"] == "redis:8"
    assert redis["command"][0] == "redis-server"  # else the image does not load RedisJSON
    options = dict(zip(redis["command"][1::2], redis["command"][2::2], strict=True))
    assert options == {"--appendonly": "yes", "--maxmemory-policy": "noeviction"}
    [volume] = redis["volumes"]
    assert volume.split(":")[0] in COMPOSE["volumes"]


# the health checks


@contextmanager
def server_that_answers(status: int, path: str, port: int) -> Iterator[None]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == path else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("service", "path"), [("web", "/healthz"), ("flower", "/healthcheck")])
def test_the_health_check_of_a_server_tells_a_good_answer_from_any_other(service, path):
    kind, program, *arguments = SERVICES[service]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    published, port = container_port(service), free_port()
    arguments = [word.replace(f":{published}/", f":{port}/") for word in arguments]
    assert f":{port}{path}" in arguments[-1]

    def succeeds() -> bool:
        run = subprocess.run([sys.executable, *arguments], capture_output=True, timeout=30)
        return run.returncode == 0

    with server_that_answers(200, path, port):
        assert succeeds()
    with server_that_answers(503, path, port):
        assert not succeeds()
    assert not succeeds()  # nobody listens


def test_the_health_check_of_web_asks_for_a_route_of_the_app():
    assert "/healthz" in {str(rule) for rule in create_app().url_map.iter_rules()}


def test_the_health_check_of_a_worker_asks_its_consumer(system):
    kind, command = SERVICES["worker"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    worker = system.workers[0]
    name = worker.command[worker.command.index("-n") + 1]

    def succeeds(node: str) -> bool:
        words = command.replace("celery@$$(hostname)", node).split()
        run = subprocess.run(
            [sys.executable, "-m", *words], cwd=ROOT, env=worker.env, capture_output=True
        )
        return run.returncode == 0

    assert succeeds(name)
    assert not succeeds("nobody@test")


# the image


def test_the_image_has_the_python_of_the_dynos():
    version = (ROOT / ".python-version").read_text().strip()
    assert f"FROM python:{version}-slim\n" in DOCKERFILE


def test_the_processes_run_as_an_ordinary_user():
    assert re.search(r"^USER [1-9]\d+$", DOCKERFILE, re.MULTILINE)
    assert "--chown" not in DOCKERFILE
    for service in OURS:
        assert SERVICES[service]["cap_drop"] == ["ALL"]
        assert "user" not in SERVICES[service]


def test_the_image_exposes_the_port_that_compose_publishes():
    assert f"EXPOSE {container_port('web')}\n" in DOCKERFILE


def test_what_is_copied_reaches_the_engine_and_nothing_else_does():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert sorted(rule[1:] for rule in rules if rule.startswith("!")) == sorted(COPIES)
    assert not any(fnmatch(".env", rule.lstrip("!")) for rule in rules[1:])


@pytest.fixture
def image(tmp_path) -> Path:
    """The folder /app of the image."""
    for source in COPIES:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / source)
        else:
            shutil.copy(ROOT / source, tmp_path)
    return tmp_path


def test_web_and_worker_start_with_what_the_image_has(image, system):
    port = free_port()
    env = {**system.env, "PYTHONPATH": "", "PORT": str(port)}
    web = subprocess.run(
        [sys.executable, "-P", "-m", "gunicorn", "--check-config"],
        cwd=image,
        env={**system.workers[0].env, **env},
        capture_output=True,
        text=True,
    )
    assert web.returncode == 0, web.stderr
    report = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "tasks", "inspect", "registered", "-t", "5"],
        cwd=image,
        env={**system.workers[0].env, **env},
        capture_output=True,
        text=True,
    )
    assert report.returncode == 0, report.stderr
    assert "tasks.reply" in report.stdout
