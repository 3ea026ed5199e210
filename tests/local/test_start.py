"""An obstacle to the start is reported in one sentence, before any service starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.settings import REDIS_VARIABLES
from local.errors import CannotStart
from local.plan import TUTORIAL_CLIENT, Plan
from local.port import free_port
from local.redis import EmbeddedRedis
from tests.processes import ROOT

UNSET = (*REDIS_VARIABLES, "MODEL_URL", "ALLOWED_ORIGINS", "NO_PROXY")


@pytest.fixture
def environ() -> dict[str, str]:
    """The environment of this machine with free ports; no Redis and no model is set."""
    nothing = dict.fromkeys(UNSET, "")  # an empty value also wins over a .env file
    return os.environ | nothing | {"PORT": str(free_port()), "FLOWER_PORT": str(free_port())}


@pytest.fixture
def taken() -> Iterator[str]:
    """A port in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


def sentence(environ: dict[str, str], data: Path, **more: str) -> str:
    """Try to start; check that it fails before any service starts; return the one line printed."""
    run = subprocess.run(
        [sys.executable, "-m", "local", "--data", str(data)],
        cwd=ROOT,
        env=environ | more,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert run.stdout == ""  # no service has printed anything
    assert run.stderr.count("\n") == 1
    return run.stderr


@pytest.mark.parametrize("variable", ["PORT", "FLOWER_PORT"])
def test_a_port_in_use_is_reported(environ, tmp_path, taken, variable):
    line = sentence(environ, tmp_path, **{variable: taken})
    assert line.startswith(f"Port {taken} is in use")
    assert f"with {variable}." in line


@pytest.mark.parametrize("value", ["x", "0", "65536", "-1", "3500 0"])
def test_a_value_that_is_not_a_port_is_reported(environ, tmp_path, value):
    assert sentence(environ, tmp_path, PORT=value).startswith("PORT: ")


def test_a_bad_variable_is_reported(environ, tmp_path):
    assert sentence(environ, tmp_path, SESSION_TTL="soon").startswith("SESSION_TTL: ")


def test_the_tutorials_dead_model_is_reported(environ, tmp_path):
    url = "https://api-inference.huggingface.co/models/EleutherAI/gpt-j-6B"
    assert "switched off" in sentence(environ, tmp_path, MODEL_URL=url)


def test_a_redis_that_does_not_answer_is_reported(environ, tmp_path):
    place = f"127.0.0.1:{free_port()}"
    assert f"No Redis answers at {place}" in sentence(environ, tmp_path, REDIS_URL=place)


def test_a_chat_that_runs_already_is_reported(environ, tmp_path):
    with EmbeddedRedis(tmp_path / "redis"):
        assert "this chat is already running" in sentence(environ, tmp_path)


def names(plan: Plan) -> list[list[str]]:
    return [[service.name for service in stage] for stage in plan.stages]


def env_of(plan: Plan) -> dict[str, str]:
    return dict(plan.stages[-1][-1].env)


REST = ["flower", "worker", "web"]


def test_redis_and_the_model_are_embedded_if_nothing_is_set(environ, tmp_path):
    plan = Plan(environ, tmp_path)
    assert names(plan) == [["redis", "model"], REST]
    assert env_of(plan)["MODEL_URL"].endswith("/v1/chat/completions")
    assert "GPT-J" in plan.welcome
    assert f"http://127.0.0.1:{environ['PORT']}" in plan.welcome


@pytest.mark.parametrize(
    "where",
    [
        {"REDIS_URL": "redis://127.0.0.1:{port}/0"},
        {"REDIS_URL": "127.0.0.1:{port}"},
        {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": "{port}"},
        {"REDISCLOUD_URL": "redis://127.0.0.1:{port}/0"},
    ],
)
def test_a_given_redis_is_used(environ, tmp_path, where):
    with EmbeddedRedis(tmp_path) as given:
        where = {name: value.format(port=given.port) for name, value in where.items()}
        plan = Plan(environ | where, tmp_path)
    assert names(plan) == [["model"], REST]
    assert {name: env_of(plan).get(name) for name in where} == where


def test_a_given_model_is_used(environ, tmp_path):
    url = "http://gpt-j.test:8000/v1/completions"
    plan = Plan(environ | {"MODEL_URL": url}, tmp_path)
    assert names(plan) == [["redis"], REST]
    assert env_of(plan)["MODEL_URL"] == url
    assert "GPT-J" not in plan.welcome


def test_the_tutorials_client_is_an_allowed_origin(environ, tmp_path):
    assert env_of(Plan(environ, tmp_path))["ALLOWED_ORIGINS"] == TUTORIAL_CLIENT


def test_allowed_origins_replace_the_tutorials_client(environ, tmp_path):
    environ["ALLOWED_ORIGINS"] = "https://chat.test"
    assert env_of(Plan(environ, tmp_path))["ALLOWED_ORIGINS"] == "https://chat.test"


def test_a_proxy_is_not_used_for_the_embedded_model(environ, tmp_path):
    environ["no_proxy"] = "intranet.test"
    assert env_of(Plan(environ, tmp_path))["no_proxy"] == "intranet.test,127.0.0.1"


def test_a_plan_starts_nothing(environ, tmp_path, monkeypatch):
    def start(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", start)
    Plan(environ, tmp_path)


def test_a_machine_without_the_embedded_parts_gets_a_message(environ, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotStart, match="no embedded Redis"):
        Plan(environ, tmp_path)
