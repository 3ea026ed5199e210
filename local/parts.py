"""The parts of the chat on this machine, as the environment wants them."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from celery import Celery
from kombu.exceptions import OperationalError

from chat.settings import load_settings
from local import model, redis
from local.part import Part
from local.port import LOOPBACK, answers, free_port, port_from, require_free

PROJECT = Path(__file__).resolve().parent.parent

FLOWER_PORT = 5555
# Not Redis's own, where the system's may listen. It and the model may also live elsewhere.
REDIS_PORT = 6380
MODEL_PORT = 8088

# The React client of the tutorial is served there while it is worked on.
TUTORIAL_CLIENT = "http://localhost:3000"

_WHERE_REDIS_IS = ("REDIS_URL", "REDIS_HOST", "REDIS_PORT")


class Plan:
    """What to start, by stages, and what to say once it runs."""

    def __init__(self, environ: Mapping[str, str], data: Path) -> None:
        """Look at ``environ`` and at this machine; start nothing. Chats are kept in ``data``.

        Raises:
            CannotStart: Something is in the way.
            SettingsError: A variable has a value that cannot be used.
        """
        given = {name: value for name, value in environ.items() if value.strip()}
        web_port = load_settings(given).port
        self._env = given
        self._env["PYTHONUNBUFFERED"] = "1"  # lines come when they are said
        self._env.setdefault("ALLOWED_ORIGINS", TUTORIAL_CLIENT)
        flower_port = port_from("FLOWER_PORT", given.get("FLOWER_PORT", str(FLOWER_PORT)))
        require_free("PORT", web_port)
        require_free("FLOWER_PORT", flower_port)

        first = []
        if any(name in given for name in _WHERE_REDIS_IS):
            redis.require_usable(load_settings(given).redis_url)
        else:
            first.append(self._redis(data / "redis"))
        stand_in = "MODEL_URL" not in given
        if stand_in:
            first.append(self._model())
        self.stages = [
            first,
            [self._flower(flower_port), self._worker(web_port), self._web(web_port)],
        ]
        self.welcome = f"The chat is at http://{LOOPBACK}:{web_port}"
        if stand_in:
            self.welcome += (
                f" ({model.NAME}, a small one, stands in for GPT-J, which comes with MODEL_URL)"
            )

    def _redis(self, data: Path) -> Part:
        redis.require_embedded(data)
        port = free_port(REDIS_PORT)
        self._env["REDIS_URL"] = url = f"redis://{LOOPBACK}:{port}/0"
        command = redis.command(port, data)
        return self._part("redis", command, lambda: redis.is_ready(url), stop_within=10)

    def _model(self) -> Part:
        model.require_embedded()
        port = free_port(MODEL_PORT)
        address = f"http://{LOOPBACK}:{port}"
        self._env["MODEL_URL"] = f"{address}/v1/chat/completions"
        self._env.setdefault("MODEL_NAME", model.NAME)
        # A proxy that is set for the world outside cannot reach it.
        away = self._env.get("no_proxy") or self._env.get("NO_PROXY")
        self._env["no_proxy"] = f"{away},{LOOPBACK}" if away else LOOPBACK
        return self._part(
            "model", model.command(port), lambda: answers(f"{address}/health"), stop_within=5
        )

    def _flower(self, port: int) -> Part:
        arguments = ["celery", "-A", "tasks", "flower", f"--address={LOOPBACK}", f"--port={port}"]
        return self._part(
            "flower",
            _module(*arguments),
            lambda: answers(f"http://{LOOPBACK}:{port}/healthcheck"),
            stop_within=2,  # it keeps nothing, and may wait for workers that have gone
        )

    def _worker(self, web_port: int) -> Part:
        # A name of its own, so that no other worker at the same Redis is taken for it.
        node = f"chat-{web_port}@{socket.gethostname()}"
        asking = Celery(broker=load_settings(self._env).broker_url, set_as_current=False)
        return self._part(
            "worker",
            _module("celery", "-A", "tasks", "worker", "--loglevel=INFO", f"--hostname={node}"),
            lambda: _takes_work(asking, node),
            stop_within=20,
        )

    def _web(self, port: int) -> Part:
        return self._part(
            "web",
            _module("gunicorn", "--bind", f"{LOOPBACK}:{port}"),
            lambda: answers(f"http://{LOOPBACK}:{port}/test"),
            stop_within=20,
        )

    def _part(
        self, name: str, command: list[str], is_ready: Callable[[], bool], *, stop_within: float
    ) -> Part:
        return Part(
            name=name,
            command=command,
            env=self._env,
            folder=PROJECT,
            is_ready=is_ready,
            stop_within=stop_within,
        )


def _module(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def _takes_work(asking: Celery, node: str) -> bool:
    try:
        return bool(asking.control.ping(destination=[node], timeout=1.0))
    except (OperationalError, OSError):
        return False
