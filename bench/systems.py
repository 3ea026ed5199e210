"""A measured system: one web process, one worker and one Redis. Ours is here, peers in `peers/`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import psutil
import redis

from bench.processes import BrokenRun, Load, TokenServer
from local.redis import EmbeddedRedis
from tests.processes import Process
from tests.system import System

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
