"""The peers as measured systems: how the web process and the worker of each are started."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any, Self

from bench.processes import BenchProcess, BrokenRun, checked, listens
from bench.systems import MeasuredSystem
from local.redis import EmbeddedRedis
from tests.processes import free_port, wait_until


class Peer(MeasuredSystem):
    """An alternative that a user could choose."""

    dialect = "json"
    module: str  # in bench.peers

    def web(self) -> list[str]:
        """Return the command of the web process."""
        app = f"bench.peers.{self.module}:app"
        return ["uvicorn", app, "--port", str(self.port), "--log-level", "warning"]

    def worker(self) -> list[str]:
        """Return the command of the worker."""
        broker = f"bench.peers.{self.module}:broker"
        max_tasks = str(max(100, self._concurrency))
        return ["taskiq", "worker", broker, "--workers", "1", "--max-async-tasks", max_tasks]

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        try:
            self.redis = self._stack.enter_context(
                EmbeddedRedis(self._folder / "redis", appendfsync=None)
            )
            self.port = free_port()
            env = {
                "REDIS_URL": self.redis.url,
                "MODEL_URL": f"{self.model}/v1/completions",
                "PYTHONUNBUFFERED": "1",
            }
            self.processes = {}
            for name, command in (("web", self.web()), ("worker", self.worker())):
                if command:
                    process = BenchProcess(command, env, self._folder / f"{name}.log")
                    self._stack.callback(process.kill)
                    self.processes[name] = process
            self.env = env
            if "web" in self.processes:
                wait_until(self._is_up)
            self.warm()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _is_up(self) -> bool:
        if not all(process.running for process in self.processes.values()):
            raise BrokenRun(f"{self.name} ended:\n{self.output()[-3000:]}")
        return listens(self.port)


class TaskiqList(Peer):
    name = "FastAPI + taskiq list"
    module = "taskiq_list"


class TaskiqStream(Peer):
    name = "FastAPI + taskiq stream"
    module = "taskiq_stream"


class Tutorial(Peer):
    name = "tutorial"
    module = "tutorial"
    dialect = "tutorial"

    def worker(self) -> list[str]:
        return ["bench.peers.tutorial"]


class FlaskSocketIO(Peer):
    name = "Flask-SocketIO + Celery"
    module = "flask_socketio_celery"
    dialect = "socketio"

    def web(self) -> list[str]:
        # `-c`: gunicorn would take our own settings from this folder.
        options = "-c /dev/null -k gevent -w 1 --worker-connections 20000 --backlog 2048"
        options += f" --no-control-socket -b 127.0.0.1:{self.port}"
        return ["gunicorn", *options.split(), f"bench.peers.{self.module}:create_app()"]

    def worker(self) -> list[str]:
        return _celery(self.module, self._concurrency)


class CeleryTask(Peer):
    """It has no web process: the process that sends the tasks also measures."""

    name = "bare Celery task"
    module = "celery_task"

    def web(self) -> list[str]:
        return []

    def worker(self) -> list[str]:
        return _celery(self.module, self._concurrency)

    def warm(self) -> None:
        self.run("latency", clients=1, seconds=1)

    def run(self, run: str, **job: Any) -> dict[str, float]:
        command = ["bench.peers.celery_task", str(job["clients"]), str(job["seconds"])]
        log = self._folder / "load.log"
        log.unlink(missing_ok=True)
        process = BenchProcess(command, self.env, log)
        try:
            if process.wait(120):
                raise BrokenRun(f"{self.name}: {process.output()}")
        finally:
            process.kill()
        return checked(json.loads(process.output()))


def _celery(module: str, concurrency: int) -> list[str]:
    options = f"--pool threads --concurrency {concurrency} --loglevel WARNING"
    return ["celery", "-A", f"bench.peers.{module}", "worker", *options.split()]
