"""What the replies of one session may be, whatever happens to them: whole, cut, and continued."""

from __future__ import annotations

from typing import Any

from tests.clients import Events, TornError
from tests.standin import reply_to


class ReplyTexts:
    """The texts that were asked in a session, and those that one of its clients got as replies."""

    def __init__(self, other: ReplyTexts | None = None) -> None:
        """``other`` is that of another client of the session."""
        # All texts that a message had, by its id. The messages whose reply may have been continued.
        self.asked: dict[str, list[str]] = other.asked if other else {}
        self.continued: set[str] = other.continued if other else set()
        self._ended: dict[str, str] = {}  # the text with which a reply ended last, by its id

    def check(self, reply: dict[str, Any], texts: list[str] | None = None) -> None:
        """Check that a reply is one to its message, and has all text that it had when it ended.

        ``texts`` are those that the message may have, if that is known better.

        Raises:
            TornError: It is not so.
        """
        texts = texts or self.asked[reply["reply_to"]]
        if not any(_answers(reply, text) for text in texts):
            raise TornError(f"{reply} is no reply to any of {texts}")
        if not reply["msg"].startswith(before := self._ended.get(reply["id"], "")):
            raise TornError(f"{reply} had ended with {before!r}")
        if reply["status"] != "streaming":
            self._ended[reply["id"]] = reply["msg"]

    def check_frame(self, client: Events, frame: dict[str, Any]) -> None:
        """Check all replies of a client after a frame that may have changed more than a delta."""
        if frame["type"] in ("history", "message", "start"):
            for message in list(client.messages.values()):
                if "reply_to" in message:
                    self.check(message)

    def is_beginning(self, text: str) -> bool:
        """Whether a reply to any message may begin with this text."""
        asked = [text for texts in self.asked.values() for text in texts]
        return any(reply_to(message).startswith(text) for message in asked)


def _answers(reply: dict[str, Any], text: str) -> bool:
    whole = reply_to(text)
    if reply["status"] == "done" and reply["finish"] == "stop":
        return bool(reply["msg"] == whole)
    return whole.startswith(reply["msg"])
