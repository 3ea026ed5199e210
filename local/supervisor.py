"""Runs the services side by side, restarts those that end, and stops all of them in order."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from types import FrameType

from local.console import Console
from local.errors import CannotStart
from local.guard import Guard
from local.service import Service, ServiceProcess

READY_POLL_INTERVAL = 0.05  # seconds
# The delay before a restart doubles each time a service ends again.
MIN_RESTART_DELAY = 0.5  # seconds
MAX_RESTART_DELAY = 15.0
# A service that has run for this long starts again with the shortest delay.
STEADY_AFTER = 30.0  # seconds

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _StopRequested(Exception):
    """A signal has asked the supervisor to stop."""


class Supervisor:
    """Starts the services stage by stage: a stage starts when the one before it is ready.

    The services are stopped one by one, in the opposite order. The main thread takes signals and
    ended processes from one queue and does everything else.
    """

    def __init__(self, stages: Sequence[Sequence[Service]], console: Console) -> None:
        self._stages = stages
        self._console = console
        self._events: SimpleQueue[ServiceProcess | signal.Signals] = SimpleQueue()
        self._running: dict[str, ServiceProcess] = {}  # by the name of the service
        self._started_at: dict[str, float] = {}
        self._restart_delays: dict[str, float] = {}
        self._restarts: dict[str, tuple[float, Service]] = {}  # time and service to start again

    def run(self, welcome: str) -> None:
        """Start all services, print ``welcome``, and keep them running until a stop signal.

        SIGINT (Ctrl-C), SIGTERM and SIGHUP stop the services in order; a second SIGINT kills them.

        Raises:
            CannotStart: A service ended or was not ready in time during the start.
        """
        handlers = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        self._guard = Guard()
        try:
            for stage in self._stages:
                self._start_stage(stage)
            self._console.print(welcome)
            self._restart_until_stopped()
        except _StopRequested:
            self._console.print("Stopping; Ctrl-C again to kill.")
        finally:
            self._stop_all()
            self._guard.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._events.put(signal.Signals(number))  # SimpleQueue.put is safe in a signal handler

    def _start(self, service: Service) -> None:
        process = ServiceProcess(service, self._console.print_output, self._events.put)
        self._guard.watch(process.pid)
        self._running[service.name] = process
        self._started_at[service.name] = time.monotonic()

    def _start_stage(self, stage: Sequence[Service]) -> None:
        for service in stage:
            self._start(service)
        starting = list(stage)
        while starting:
            ended = self._next_ended(READY_POLL_INTERVAL)
            if ended is not None:
                raise CannotStart(
                    f"{ended.service.name} ended ({ended.exit_reason}) before it was ready:"
                    " see its lines above."
                )
            now = time.monotonic()
            for service in starting:
                if now > self._started_at[service.name] + service.start_within:
                    raise CannotStart(
                        f"{service.name} took more than {service.start_within:g} s to be ready."
                    )
            starting = [service for service in starting if not service.is_ready()]

    def _restart_until_stopped(self) -> None:
        while True:
            next_restart = min((when for when, _ in self._restarts.values()), default=None)
            timeout = None if next_restart is None else max(0.0, next_restart - time.monotonic())
            ended = self._next_ended(timeout)
            if ended is not None:
                self._schedule_restart(ended)
            for name, (when, service) in list(self._restarts.items()):
                if when <= time.monotonic():
                    del self._restarts[name]
                    self._start(service)

    def _schedule_restart(self, ended: ServiceProcess) -> None:
        name, now = ended.service.name, time.monotonic()
        delay = MIN_RESTART_DELAY
        if now - self._started_at[name] < STEADY_AFTER and name in self._restart_delays:
            delay = min(2 * self._restart_delays[name], MAX_RESTART_DELAY)
        self._restart_delays[name] = delay
        self._restarts[name] = (now + delay, ended.service)
        self._console.print_output(
            name, f"ended ({ended.exit_reason}), starts again in {delay:g} s"
        )

    def _next_ended(self, timeout: float | None) -> ServiceProcess | None:
        """Return the next process that has ended, or None after ``timeout`` seconds.

        Raises:
            _StopRequested: A signal came first.
        """
        try:
            event = self._events.get(timeout=timeout)
        except Empty:
            return None
        if isinstance(event, signal.Signals):
            raise _StopRequested(event)
        del self._running[event.service.name]
        self._guard.unwatch(event.pid)
        return event

    def _stop_all(self) -> None:
        graceful = True
        for service in [service for stage in self._stages for service in stage][::-1]:
            process = self._running.get(service.name)
            if process is None:
                continue
            if graceful:
                process.terminate()
                graceful = self._wait_for_exit(service, service.stop_within)
            if service.name in self._running:
                self._console.print_output(service.name, "is killed: it has not stopped by itself")
                process.kill()
                self._wait_for_exit(service, None)

    def _wait_for_exit(self, service: Service, timeout: float | None) -> bool:
        """Wait until a service has ended. Return False if a second Ctrl-C asks to kill instead."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while service.name in self._running:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            try:
                self._next_ended(left)
            except _StopRequested as request:
                if timeout is not None and request.args[0] is signal.SIGINT:
                    return False
        return True
