"""Several people who say one thing after the other, while something goes wrong."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos import BACK_OFF, Count, EventsUser, PlainUser
from tests.clients import Events, begin
from tests.system import System

MANY = 8


@contextmanager
def crowd(system: System, users: int = MANY) -> Iterator[Count]:
    """Have people talk while the block runs; what was broken for them fails the test."""
    count = Count()
    seed = random.getrandbits(32)
    kinds = [EventsUser if number % 3 else PlainUser for number in range(users)]
    everyone = [kind(n, system, count, float("inf"), seed) for n, kind in enumerate(kinds)]
    for user in everyone:
        user.start()
    try:
        yield count
    finally:
        for user in everyone:
            user.until = 0.0
        for user in everyone:
            user.join(60.0)
            if user.is_alive():
                count.lost.append(f"user {user.number} still waits")
    assert not count.broken(), count.broken()
    assert count.replies


class Witness:
    """Somebody who notices when messages are refused, and when they are answered again."""

    def __init__(self, system: System) -> None:
        self._socket = Events(system.web.ws, begin(system.web.url))
        assert self.seconds_until_answered() < 30

    def seconds_until_answered(self) -> float:
        """Say something, again while it is refused; return how long its whole reply took."""
        since = time.monotonic()
        message_id = self._socket.say("hello")
        while (frame := self._next(message_id))["type"] == "error":
            assert frame["code"] == "busy", frame
            time.sleep(BACK_OFF)
            self._socket.say("hello", message_id)
        self._socket.until_answered(message_id)
        return time.monotonic() - since

    def until_busy(self) -> None:
        """Say something until that is refused as `busy`."""
        while True:
            message_id = self._socket.say("hello")
            frame = self._next(message_id)
            if frame["type"] == "error":
                assert frame["code"] == "busy", frame
                return
            self._socket.until_answered(message_id)

    def _next(self, message_id: str) -> dict[str, object]:
        return self._socket.until(
            lambda frame: frame["type"] in ("ack", "error") and frame.get("id") == message_id
        )
