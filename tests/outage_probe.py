"""A client that measures an outage: from when messages are refused until they are answered."""

from __future__ import annotations

import time

from tests.clients import Events, begin
from tests.simulated_users import BACK_OFF
from tests.system import System


class OutageProbe:
    """A client that sees when messages are refused, and when they are answered again."""

    def __init__(self, system: System) -> None:
        self._socket = Events(system.web.ws, begin(system.web.url))
        assert self.seconds_until_answered() < 30

    def seconds_until_answered(self) -> float:
        """Send a message, again while it is refused; return the seconds until its reply."""
        since = time.monotonic()
        message_id = self._socket.say("hello")
        while (frame := self._answer_to(message_id))["type"] == "error":
            assert frame["code"] == "busy", frame
            time.sleep(BACK_OFF)
            self._socket.say("hello", message_id)
        self._socket.until_answered(message_id)
        return time.monotonic() - since

    def until_busy(self) -> None:
        """Send messages until one is refused with `busy`."""
        while True:
            message_id = self._socket.say("hello")
            frame = self._answer_to(message_id)
            if frame["type"] == "error":
                assert frame["code"] == "busy", frame
                return
            self._socket.until_answered(message_id)

    def _answer_to(self, message_id: str) -> dict[str, object]:
        return self._socket.until(
            lambda frame: frame["type"] in ("ack", "error") and frame.get("id") == message_id
        )
