"""What a connection has to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from terminal.conversation import Conversation


@dataclass(frozen=True)
class Postponed:
    """The server takes no message now."""

    code: str  # "busy" or "rate_limited"
    seconds: int  # until the first that waits is sent again, as of when that was first known


@dataclass(frozen=True)
class View:
    """What there is to show at one moment."""

    conversation: Conversation = field(default_factory=Conversation)
    state: Literal["connecting", "open", "lost", "ended"] = "connecting"
    why: str = ""  # a sentence, where the connection has ended; where it is lost, as far as known
    waiting: tuple[str, ...] = ()  # the ids of what is still to be confirmed
    postponed: Postponed | None = None
    refused: Mapping[str, str] = field(default_factory=dict)  # what to say, by id
    away_since: float | None = None  # seconds of the monotonic clock, None while it is open
    known: bool = False  # whether there has been a history yet

    @property
    def at_work(self) -> bool:
        """Whether something is on its way to the person or from there."""
        if self.state == "ended":
            return False
        return not self.known or bool(self.waiting) or self.conversation.unanswered() is not None
