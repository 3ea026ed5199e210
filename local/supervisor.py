"""Keeps the parts running side by side, and stops them in order."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from types import FrameType

from local.console import Console
from local.errors import CannotStart
from local.guard import Guard
from local.part import Part, Run

LOOK_EVERY = 0.05  # seconds, while parts start
# A part that ends again and again is started less and less often.
FIRST_DELAY = 0.5  # seconds
LONGEST_DELAY = 15.0
# One that ran for this long has come up well: its next end is a new story.
STEADY_AFTER = 30.0  # seconds

ASKS_TO_LEAVE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Leave(Exception):
    """We were asked to stop."""


class Supervisor:
    """The parts, by stages: each stage is started when the one before it is ready.

    They are stopped one by one, in the opposite order. All is decided in the main thread, which
    takes signals and ends of parts from one queue.
    """

    def __init__(self, stages: Sequence[Sequence[Part]], console: Console) -> None:
        self._stages = stages
        self._console = console
        self._news: SimpleQueue[Run | signal.Signals] = SimpleQueue()
        self._runs: dict[str, Run] = {}  # what runs now, by part
        self._started: dict[str, float] = {}
        self._delays: dict[str, float] = {}
        self._due: dict[str, tuple[float, Part]] = {}  # when to start what has ended

    def run(self, welcome: str) -> None:
        """Start all, tell ``welcome``, keep all running until a signal asks to leave, stop all.

        SIGINT (Ctrl-C), SIGTERM and SIGHUP ask to leave; a second SIGINT kills.

        Raises:
            CannotStart: A part ended or was not ready in time while all started.
        """
        before = {number: signal.signal(number, self._asked) for number in ASKS_TO_LEAVE}
        self._guard = Guard()
        try:
            for stage in self._stages:
                self._start_stage(stage)
            self._console.tell(welcome)
            self._keep_running()
        except _Leave:
            self._console.tell("Stopping; Ctrl-C again to kill.")
        finally:
            self._stop_all()
            self._guard.dismiss()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self._news.put(signal.Signals(number))  # safe in a handler, which SimpleQueue promises

    def _start(self, part: Part) -> None:
        run = Run(part, self._console.say, self._news.put)
        self._guard.watch(run.pid)
        self._runs[part.name] = run
        self._started[part.name] = time.monotonic()

    def _start_stage(self, stage: Sequence[Part]) -> None:
        for part in stage:
            self._start(part)
        waiting = list(stage)
        while waiting:
            ended = self._next(LOOK_EVERY)
            if ended is not None:
                name = ended.part.name
                raise CannotStart(
                    f"{name} ended ({ended.end}) before it was ready: see its lines above."
                )
            now = time.monotonic()
            for part in waiting:
                if now > self._started[part.name] + part.start_within:
                    raise CannotStart(
                        f"{part.name} took more than {part.start_within:g} s to be ready."
                    )
            waiting = [part for part in waiting if not part.is_ready()]

    def _keep_running(self) -> None:
        while True:
            soonest = min((when for when, _ in self._due.values()), default=None)
            ended = self._next(None if soonest is None else max(0.0, soonest - time.monotonic()))
            if ended is not None:
                self._plan_restart(ended)
            for name, (when, part) in list(self._due.items()):
                if when <= time.monotonic():
                    del self._due[name]
                    self._start(part)

    def _plan_restart(self, ended: Run) -> None:
        name, now = ended.part.name, time.monotonic()
        delay = FIRST_DELAY
        if now - self._started[name] < STEADY_AFTER and name in self._delays:
            delay = min(2 * self._delays[name], LONGEST_DELAY)
        self._delays[name] = delay
        self._due[name] = (now + delay, ended.part)
        self._console.say(name, f"ended ({ended.end}), starts again in {delay:g} s")

    def _next(self, timeout: float | None) -> Run | None:
        """Return the next run that has ended, or None after ``timeout`` seconds.

        Raises:
            _Leave: A signal came first.
        """
        try:
            news = self._news.get(timeout=timeout)
        except Empty:
            return None
        if isinstance(news, signal.Signals):
            raise _Leave(news)
        del self._runs[news.part.name]
        self._guard.forget(news.pid)
        return news

    def _stop_all(self) -> None:
        patient = True
        for part in [part for stage in self._stages for part in stage][::-1]:
            run = self._runs.get(part.name)
            if run is None:
                continue
            if patient:
                run.terminate()
                patient = self._wait_for(part, part.stop_within)
            if part.name in self._runs:
                self._console.say(part.name, "is killed: it has not stopped by itself")
                run.kill()
                self._wait_for(part, None)

    def _wait_for(self, part: Part, within: float | None) -> bool:
        """Wait for the end of ``part``; return False if Ctrl-C says not to wait for anything."""
        deadline = None if within is None else time.monotonic() + within
        while part.name in self._runs:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            try:
                self._next(left)
            except _Leave as asked:
                if within is not None and asked.args[0] is signal.SIGINT:
                    return False
        return True
