"""A worker's parts on a real, empty Redis, with a clock and a model that the test controls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
import redis

from chat.errors import ModelTimeout
from chat.mailbox import Mailbox
from tasks.delta_writer import DeltaWriter
from tasks.models import Call
from tests.conftest import TTL

_PATIENCE = 10.0  # seconds


class Clock:
    """Stands in for the module ``time``: it stands still, except that `sleep` advances it."""

    def __init__(self) -> None:
        # A whole number, so that sums with it are exact. Calls of models have the real clock.
        self.now = float(int(time.monotonic()))

    def __call__(self) -> float:
        return self.now

    monotonic = __call__

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += seconds


class UnreliableRedis(redis.Redis):
    """Loses script calls or their answers."""

    lost_requests = 0  # how many of the next script calls do not reach Redis
    lost_answers = 0  # how many after that are done, but their answers are lost

    def execute_command(self, *args: Any, **options: Any) -> Any:
        script = args[0] == "EVALSHA"
        if script and self.lost_requests:
            self.lost_requests -= 1
            raise redis.ConnectionError("the request is lost")
        answer = super().execute_command(*args, **options)
        if script and self.lost_answers:
            self.lost_answers -= 1
            raise redis.ConnectionError("the answer is lost")
        return answer


class ScriptedModel:
    """Answers with what a function yields: text or `tasks.models.Restart`."""

    def __init__(self, script: Callable[[Call], Iterator[Any]]) -> None:
        self._script = script
        self.asked: list[str] = []  # the last line of each prompt
        self.partial, self.kept_text = "", ""  # of the last call

    def answer(self, lines: Any, partial: str, call: Call, *, kept_text: str = "") -> Iterator[Any]:
        self.asked.append(lines[-1].text)
        self.partial, self.kept_text = partial, kept_text
        yield from self._script(call)


class RecordingQueue:
    """Celery's queue, as a list of the tokens that are enqueued."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.tasks_left = 0  # that no worker has taken

    def enqueue(self, tokens: Sequence[str]) -> bool:
        self.tokens += tokens
        return True

    def length(self) -> int:
        return self.tasks_left


def wait_until_cancelled(call: Call) -> None:
    """Wait as a silent model does; fail if the call is not cancelled."""
    with suppress(ModelTimeout):
        call.sleep(_PATIENCE)  # raises Cancelled
    pytest.fail("the call was not cancelled")


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """The clock of the tasks' modules."""
    clock = Clock()
    for module in ("generation", "delta_writer"):
        monkeypatch.setattr(f"tasks.{module}.time", clock)
    return clock


@pytest.fixture
def unreliable(client: redis.Redis) -> UnreliableRedis:
    """The mailbox's client."""
    return UnreliableRedis(connection_pool=client.connection_pool)


@pytest.fixture
def mailbox(unreliable: UnreliableRedis) -> Mailbox:
    return Mailbox(unreliable, TTL)


@pytest.fixture
def writer(mailbox: Mailbox) -> DeltaWriter:
    """A writer whose thread does not run: the test calls `write` and `renew`."""
    return DeltaWriter(mailbox)
