"""Which services run on this machine, as the environment sets it, and how each is started."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from celery import Celery
from kombu.exceptions import OperationalError

from chat.settings import REDIS_VARIABLES, load_settings
from local import model, redis
from local.port import LOOPBACK, answers, free_port, port_from, require_free
from local.service import Service

PROJECT = Path(__file__).resolve().parent.parent

FLOWER_PORT = 5555
# Preferred ports; another one is taken if these are in use. Redis's usual port is left to a Redis
# that the system may run.
REDIS_PORT = 6380
MODEL_PORT = 8088

# The development server of the tutorial's React client.
TUTORIAL_CLIENT = "http://localhost:3000"


class Plan:
    """The services to start, by stages, and the line to print once they run."""

    def __init__(self, environ: Mapping[str, str], data: Path) -> None:
        """Check ``environ`` and this machine; start nothing. Chats are stored in ``data``.

        Raises:
            CannotStart: A port is in use, or something that is needed is missing.
            SettingsError: A variable has a value that cannot be used.
        """
        env = {name: value for name, value in environ.items() if value.strip()}
        web_port = load_settings(env).port
        self._env = env
        self._env["PYTHONUNBUFFERED"] = "1"  # lines are printed at once
        self._env.setdefault("LOG_FORMAT", "text")  # the supervisor prints them for a person
        self._env.setdefault("ALLOWED_ORIGINS", TUTORIAL_CLIENT)
        flower_port = port_from("FLOWER_PORT", env.get("FLOWER_PORT", str(FLOWER_PORT)))
        require_free("PORT", web_port)
        require_free("FLOWER_PORT", flower_port)

        backends = []
        if any(name in env for name in REDIS_VARIABLES):
            redis.require_usable(load_settings(env).redis_url)
        else:
            backends.append(self._redis(data / "redis"))
        embedded_model = "MODEL_URL" not in env
        if embedded_model:
            backends.append(self._model())
        self.stages = [
            backends,
            [self._flower(flower_port), self._worker(web_port), self._web(web_port)],
        ]
        self.welcome = f"The chat is at http://{LOOPBACK}:{web_port}"
        if embedded_model:
            self.welcome += (
                f" (with the small model {model.NAME}; set MODEL_URL to use GPT-J or another model)"
            )

    def _redis(self, data: Path) -> Service:
        redis.require_embedded(data)
        port = free_port(REDIS_PORT)
        self._env["REDIS_URL"] = url = f"redis://{LOOPBACK}:{port}/0"
        command = redis.command(port, data)
        return self._service("redis", command, lambda: redis.is_ready(url), stop_within=10)

    def _model(self) -> Service:
        model.require_embedded()
        port = free_port(MODEL_PORT)
        address = f"http://{LOOPBACK}:{port}"
        self._env["MODEL_URL"] = f"{address}/v1/chat/completions"
        self._env.setdefault("MODEL_NAME", model.NAME)
        # A proxy for outbound requests cannot reach the embedded model.
        bypassed = self._env.get("no_proxy") or self._env.get("NO_PROXY")
        self._env["no_proxy"] = f"{bypassed},{LOOPBACK}" if bypassed else LOOPBACK
        return self._service(
            "model", model.command(port), lambda: answers(f"{address}/health"), stop_within=5
        )

    def _flower(self, port: int) -> Service:
        arguments = ["celery", "-A", "tasks", "flower", f"--address={LOOPBACK}", f"--port={port}"]
        return self._service(
            "flower",
            _module(*arguments),
            lambda: answers(f"http://{LOOPBACK}:{port}/healthcheck"),
            stop_within=2,  # it stores nothing, and may wait for workers that have stopped
        )

    def _worker(self, web_port: int) -> Service:
        # A unique name: another worker may use the same Redis.
        node = f"chat-{web_port}@{socket.gethostname()}"
        inspector = Celery(broker=load_settings(self._env).broker_url, set_as_current=False)
        return self._service(
            "worker",
            _module("celery", "-A", "tasks", "worker", "--loglevel=INFO", f"--hostname={node}"),
            lambda: _answers_ping(inspector, node),
            stop_within=20,
        )

    def _web(self, port: int) -> Service:
        return self._service(
            "web",
            _module("gunicorn", "--bind", f"{LOOPBACK}:{port}"),
            lambda: answers(f"http://{LOOPBACK}:{port}/test"),
            stop_within=20,
        )

    def _service(
        self, name: str, command: list[str], is_ready: Callable[[], bool], *, stop_within: float
    ) -> Service:
        return Service(
            name=name,
            command=command,
            env=self._env,
            folder=PROJECT,
            is_ready=is_ready,
            stop_within=stop_within,
        )


def _module(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def _answers_ping(inspector: Celery, node: str) -> bool:
    try:
        return bool(inspector.control.ping(destination=[node], timeout=1.0))
    except (OperationalError, OSError):
        return False
