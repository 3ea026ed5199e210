"""Messages with directives for the model's stand-in, and control of replies that it holds."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import requests

from chat.mailbox import Mailbox
from tests.processes import Process
from tests.standin import PATIENCE, reply_to
from tests.system import System

END = "end"
HELD_WORDS = 12


def words(number: int, *, delay: float = 0.0) -> str:
    """Return a message whose reply has ``number`` words, ``delay`` seconds apart."""
    return f"[[words={number} delay={delay}]] please"


def cut(length: int, *, number: int = 8) -> str:
    """Return a message whose reply has ``number`` words, cut every ``length`` tokens."""
    return f"[[words={number} length={length}]] please"


def status(code: int) -> str:
    """Return a message that the model answers with an HTTP status."""
    return f"[[status={code}]] please"


def fails_once(system: System) -> str:
    """Return a message that the model refuses once and then answers."""
    return f"[[status=422 times=1 name={uuid.uuid4()}]] please"


def answered_once(fault: str) -> str:
    """Return a message that is answered once, and then meets a fault, such as ``status=422``."""
    return f"[[{fault} after=1 name={uuid.uuid4()}]] please"


def publish_thinking(system: System, token: str, reply_id: str, reply_to: str) -> None:
    """Publish that the model thinks, as a worker does for a reasoning model."""
    Mailbox(system.client, 3600).publish_thinking(token, reply_id, reply_to)


def whole_reply(message: str) -> str:
    """Return the whole reply to a message."""
    return reply_to(message)


class Hold:
    """A reply that the stand-in holds at a token; ``ask`` is the message, ``text`` the reply."""

    def __init__(self, url: str, at: int | str, text: str, number: int) -> None:
        self._url = url
        self._name = str(uuid.uuid4())
        self._port = 0
        self.ask = f"[[words={number} hold={self._name}:{at}]] {text}"
        self.text = reply_to(self.ask)

    def release_second(self, system: System) -> None:
        """Let the second model not hold the reply."""
        assert system.fallback
        requests.post(f"{system.fallback.url}/release/{self._name}", timeout=PATIENCE)

    def wait(self) -> None:
        """Wait until the stand-in holds the reply."""
        self._port = self._get("holding")["port"]

    def wait_closed(self) -> None:
        """Wait until the stand-in has noticed that its connection was closed."""
        self._get("closed")

    def release(self) -> None:
        """Let the reply continue, now and each time it is asked for again."""
        requests.post(f"{self._url}/release/{self._name}", timeout=PATIENCE)

    def forget(self) -> None:
        """Make `wait` wait for the next request that is held."""
        requests.post(f"{self._url}/forget/{self._name}", timeout=PATIENCE)

    def asked_by(self, worker: Process) -> bool:
        """Whether the held request came from this worker."""
        if not worker.running:
            return False
        connections = psutil.Process(worker.pid).net_connections()
        return any(c.laddr and c.laddr.port == self._port for c in connections)

    def kill_who_answers(self, system: System) -> None:
        """Kill the worker whose request is held."""
        next(worker for worker in system.workers if self.asked_by(worker)).kill()

    def _get(self, what: str) -> dict[str, Any]:
        answer = requests.get(f"{self._url}/{what}/{self._name}", timeout=2 * PATIENCE)
        assert answer.ok, f"the model was not seen {what}"
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def held(
    system: System, *, at: int | str, text: str = "please", number: int = HELD_WORDS
) -> Iterator[Hold]:
    """Give a message whose reply is held before token ``at``, and released at the end.

    The reply has ``text`` and ``number`` words.
    """
    hold = Hold(system.standin.url, at, text, number)
    try:
        yield hold
    finally:
        with suppress(requests.ConnectionError):  # the stand-in was killed
            hold.release()


def requests_with(system: System, text: str) -> list[str]:
    """Return the bodies of the model's requests that contain ``text``."""
    asked = requests.get(f"{system.standin.url}/requests", timeout=PATIENCE).json()
    return [str(request["body"]) for request in asked if text in str(request["body"])]
