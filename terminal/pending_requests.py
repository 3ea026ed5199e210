"""What the person has asked for and the server has not confirmed yet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from terminal.conversation import Conversation

# Far more than anybody types while the chat is away. One more is refused, with a sentence.
MAX_PENDING = 100


@dataclass
class Ask:
    """A message to be said, or one to be answered again."""

    frame: dict[str, Any]
    old_reply: str = ""  # the reply that a retry is to take the place of
    sent: bool = False  # so the server may know it

    @property
    def id(self) -> str:
        return str(self.frame["id"])

    def known_to(self, conversation: Conversation) -> bool:
        """Tell whether a history shows that the server has taken this."""
        turn = conversation.turn(self.id)
        if self.frame["type"] == "message" or turn is None:
            return turn is not None
        if not self.sent or turn.reply is None or not turn.reply.finished:
            return self.sent
        # One that failed before it began had no id then, and has one in the history.
        old = turn.reply.id == self.old_reply or (not self.old_reply and turn.reply.error)
        return not old


class Asks:
    """The asks in turn. Only the first is sent, so that none overtakes one that must wait."""

    def __init__(self) -> None:
        self._waiting: deque[Ask] = deque()

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(ask.id for ask in self._waiting)

    @property
    def first(self) -> Ask | None:
        return self._waiting[0] if self._waiting else None

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MAX_PENDING

    def add(self, ask: Ask) -> None:
        """Put an ask behind the others."""
        self._waiting.append(ask)

    def take(self, ask_id: str) -> Ask | None:
        """Take out an ask that is confirmed, refused or withdrawn."""
        for ask in self._waiting:
            if ask.id == ask_id:
                self._waiting.remove(ask)
                return ask
        return None

    def compare(self, conversation: Conversation) -> None:
        """Take out all that a new history shows as taken."""
        self._waiting = deque(a for a in self._waiting if not a.known_to(conversation))
