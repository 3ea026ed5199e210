"""The whole system for tests: Redis, the model's stand-in, web and worker processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import requests

from chat.redis_client import connect
from chat.worker_heartbeat import ABSENT_AFTER, KEY
from local.redis import EmbeddedRedis, Fsync
from tests.processes import Process, Web, Worker, free_port, wait_until


class Standin(Process):
    """The model's stand-in, as a process."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(["tests.standin", "--port", str(self.port)], {}, log)

    def ready(self) -> None:
        """Wait until it answers."""

        def answers() -> bool:
            assert self.running, self.output()
            try:
                return requests.get(f"{self.url}/v1/models", timeout=5).ok
            except (requests.ConnectionError, requests.Timeout):
                return False

        wait_until(answers)


class System:
    """A context manager that starts the whole system and leaves no process behind."""

    def __init__(
        self,
        folder: Path,
        *,
        webs: int = 2,
        workers: int = 2,
        appendfsync: Fsync | None = None,
        model_path: str = "/v1/completions",
        fallback_path: str | None = None,
        **env: str,
    ) -> None:
        self.redis = EmbeddedRedis(folder / "redis", appendfsync=appendfsync)
        self.client = connect(self.redis.url)
        self.standin = Standin(folder / "standin.log")
        # The second model, if ``fallback_path`` is given.
        self.fallback = Standin(folder / "fallback.log") if fallback_path else None
        fallback = (
            {"MODEL_FALLBACK_URL": f"{self.fallback.url}{fallback_path}"} if self.fallback else {}
        )
        self._folder = folder
        self._counts = (webs, workers)
        self.env = {
            "REDIS_URL": self.redis.url,
            "MODEL_URL": self.standin.url + model_path,
            "ALLOWED_ORIGINS": "http://localhost:3000",
            "MAX_MESSAGE_LENGTH": "4000",
            **fallback,
            **env,
        }
        self.webs: list[Web] = []
        self.workers: list[Worker] = []

    @property
    def web(self) -> Web:
        """The first web process."""
        return self.webs[0]

    @property
    def processes(self) -> list[Web | Worker]:
        """All web and worker processes."""
        return [*self.webs, *self.workers]

    @property
    def _models(self) -> list[Standin]:
        return [self.standin, self.fallback] if self.fallback else [self.standin]

    def __enter__(self) -> Self:
        try:
            self.redis.start()
            webs, workers = self._counts
            for number in range(webs):
                self.webs.append(Web(self.env, self._folder / f"web{number}.log"))
            for number in range(workers):
                self.workers.append(Worker(self.env, self._folder / f"worker{number}.log"))
            for process in (*self._models, *self.processes):
                process.ready()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    def _kill(self) -> None:
        for process in (*self.processes, *self._models):
            process.kill()
        self.client.close()
        self.redis.kill()

    def age_heartbeat(self) -> None:
        """Make the last heartbeat of a worker look too old, as if no worker were there."""
        left = 24 * 3600 - ABSENT_AFTER - 1  # seconds
        self.client.set(KEY, "gone", px=int(left * 1000))

    def revive(self) -> None:
        """Start killed processes again; wait until all processes are ready."""
        for process in self.processes:
            if not process.running:
                process.start()
        for process in self.processes:
            process.ready()

    def records(self) -> list[dict[str, Any]]:
        """Return the log lines of all web and worker processes, as JSON objects."""
        return [record for process in self.processes for record in process.records()]

    def output(self) -> str:
        """Return the output of all web and worker processes."""
        return "".join(process.output() for process in self.processes)
