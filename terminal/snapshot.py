"""The state of a session client at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from terminal.conversation import Conversation


@dataclass(frozen=True)
class Postponed:
    """The server accepts no message for a while."""

    code: str  # "busy" or "rate_limited"
    seconds: int  # until the first pending message is sent again, at the time of the refusal


@dataclass(frozen=True)
class Snapshot:
    """What the prompt and the pipe read in order to print."""

    conversation: Conversation = field(default_factory=Conversation)
    state: Literal["connecting", "open", "lost", "ended"] = "connecting"
    reason: str = ""  # a sentence: why the state is "ended"; why it is "lost", if that is known
    pending: tuple[str, ...] = ()  # ids of the requests that the server has not confirmed
    postponed: Postponed | None = None
    refused: Mapping[str, str] = field(default_factory=dict)  # sentence by id of the request
    disconnected_since: float | None = None  # `time.monotonic()`; None while the state is "open"
    has_history: bool = False  # whether the server has ever sent a history

    @property
    def expects_frame(self) -> bool:
        """Whether the client expects a frame from the server."""
        if self.state == "ended":
            return False
        unanswered = self.conversation.unanswered() is not None
        return not self.has_history or bool(self.pending) or unanswered
