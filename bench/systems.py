"""The measured systems, ours and its peers: each has one web process, one worker and one Redis."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import psutil
import redis

from local.redis import EmbeddedRedis
from tests.processes import ROOT, Process, free_port, wait_until
from tests.system import System

# Packages that only the measurements need have an environment of their own (`make bench`).
PYTHON = ROOT / ".venv-bench" / "bin" / "python"
# Limits are off, so that they are not measured. An empty value means no limit.
UNLIMITED = dict.fromkeys(
    (
        "TOKEN_RATE_LIMIT",
        "MESSAGE_RATE_LIMIT",
        "MAX_SOCKETS_PER_SESSION",
        "MAX_SOCKETS_PER_ADDRESS",
        "MAX_WAITING",
        "MAX_PENDING",
        "MAX_HISTORY",
    ),
    "",
)
UNLIMITED["MODEL_TIMEOUT"] = "600"
# Commands that carry a delta, one way or the other.
DELTA_COMMANDS = ("evalsha", "eval", "fcall", "xadd")


class BrokenRun(Exception):
    """A system did not work, so its figures mean nothing."""


class BenchProcess(Process):
    """A process in the measurements' own environment."""

    def start(self) -> None:
        self.command[0] = str(PYTHON)
        super().start()


class TokenServer(BenchProcess):
    """The model's stand-in."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(["bench.token_server", str(self.port)], {}, log)
        wait_until(lambda: _listens(self.port))


class Load:
    """A process that generates load on one system; see `bench.load`."""

    def __init__(self, port: int, dialect: str, log: Path) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [PYTHON, "-m", "bench.load", str(port), dialect],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
            )
        self._log = log

    def run(self, run: str, **job: Any) -> dict[str, float]:
        """Do a job of `bench.load.runs.Load`; return its figures.

        Raises:
            BrokenRun: A reply did not come whole, or the process ended.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"run": run, **job}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise BrokenRun(f"the load ended:\n{self._log.read_text()[-2000:]}")
        return checked(json.loads(line))

    def close(self) -> None:
        """End the process, which closes its WebSockets."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def checked(figures: dict[str, float]) -> dict[str, float]:
    """Return the figures.

    Raises:
        BrokenRun: A reply did not come whole, or none was asked for.
    """
    if "asked" in figures and not 0 < figures["asked"] == figures["whole"]:
        raise BrokenRun(f"{figures['whole']:.0f} of {figures['asked']:.0f} replies came whole")
    return figures


class MeasuredSystem:
    """A system under measurement; a context manager that leaves no process behind."""

    name: str
    dialect: str
    port: int  # of its web process
    redis: EmbeddedRedis
    processes: dict[str, Process]  # web, worker

    def __init__(self, folder: Path, model: str, worker_concurrency: int) -> None:
        """Write logs to ``folder``; ``model`` is the URL of the stand-in."""
        self._folder = folder / self.name
        self._folder.mkdir(parents=True)
        self.model = model  # its URL
        self._concurrency = worker_concurrency

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(self, *_: object) -> None:
        raise NotImplementedError

    @contextmanager
    def load(self) -> Iterator[Load]:
        """Give a process that generates load on this system."""
        load = Load(self.port, self.dialect, self._folder / "load.log")
        try:
            yield load
        except BrokenRun as error:
            reasons = (self._folder / "load.log").read_text()[-1000:]
            raise BrokenRun(f"{self.name}: {error}\n{reasons}\n{self.output()[-3000:]}") from None
        finally:
            load.close()

    def run(self, run: str, **job: Any) -> dict[str, float]:
        """Run one job in a new process."""
        with self.load() as load:
            return load.run(run, **job)

    def warm(self) -> None:
        """Wait until it answers."""
        self.run("warm", clients=1)
        self.run("warm", clients=20)

    def output(self) -> str:
        """Return the output of its processes."""
        return "".join(process.output() for process in self.processes.values())

    def memory_kb(self, process: str) -> float:
        """Return the resident memory of a process and its children."""
        return sum(p.memory_info().rss for p in _family(self.processes[process].pid)) / 1024

    def usage(self) -> Usage:
        """Return what all its processes have used so far."""
        cpu = {name: _cpu(process.pid) for name, process in self.processes.items()}
        assert self.redis.process
        cpu["redis"] = _cpu(self.redis.process.pid)
        with redis.Redis.from_url(self.redis.url) as client:
            stats = client.info("commandstats")
            commands = client.info("stats")["total_commands_processed"]
        carried = [stats.get(f"cmdstat_{name}", {}) for name in DELTA_COMMANDS]
        return Usage(cpu, commands, sum(stat.get("usec", 0) for stat in carried))


class Usage:
    """What the processes of a system have used since they began."""

    def __init__(self, cpu: dict[str, float], commands: int, delta_us: float) -> None:
        self.cpu = cpu  # seconds
        self.commands = commands  # that Redis did
        self.delta_us = delta_us  # microseconds of Redis in `DELTA_COMMANDS`

    def since(self, before: Usage) -> Usage:
        """Return the difference to an earlier usage."""
        cpu = {name: used - before.cpu[name] for name, used in self.cpu.items()}
        return Usage(cpu, self.commands - before.commands, self.delta_us - before.delta_us)


class Ours(MeasuredSystem):
    """This project."""

    name = "ours"
    dialect = "events"

    def __enter__(self) -> Self:
        self._system = System(
            self._folder,
            webs=1,
            workers=1,
            MODEL_URL=f"{self.model}/v1/completions",
            WORKER_CONCURRENCY=str(self._concurrency),
            **UNLIMITED,
        )
        try:
            self._system.__enter__()
        except BaseException:
            self._system.__exit__()
            raise
        self.redis, self.port = self._system.redis, self._system.web.port
        self.processes = {"web": self._system.web, "worker": self._system.workers[0]}
        try:
            self.warm()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._system.__exit__()


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
        return _listens(self.port)


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


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _cpu(pid: int) -> float:
    return sum(p.cpu_times().user + p.cpu_times().system for p in _family(pid))


@contextmanager
def running(
    kinds: list[type[MeasuredSystem]], folder: Path, *, worker_concurrency: int = 50
) -> Iterator[list[MeasuredSystem]]:
    """Start systems, and a stand-in for the model that they share."""
    with ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        model = TokenServer(folder / "model.log")
        stack.callback(model.kill)
        yield [stack.enter_context(kind(folder, model.url, worker_concurrency)) for kind in kinds]


Measure = Callable[[MeasuredSystem], dict[str, float]]


def in_turn(
    systems: list[MeasuredSystem], rounds: int, measure: Measure
) -> dict[str, list[dict[str, float]]]:
    """Measure the systems in turn, each once per round; return the figures by system and round."""
    found: dict[str, list[dict[str, float]]] = {system.name: [] for system in systems}
    for number in range(rounds):
        # Every other round goes backwards, so that no system always follows the same one.
        for system in systems if number % 2 == 0 else systems[::-1]:
            found[system.name].append(measure(system))
    return found
