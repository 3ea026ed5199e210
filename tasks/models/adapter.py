"""The interface that each model protocol implements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tasks.models.http import Response
from tasks.prompt import PromptMessage


class Adapter(Protocol):
    """Builds the requests and parses the answers of one protocol.

    The parsing methods need not check an answer: `Model` takes a KeyError, a TypeError and the like
    for a malformed answer.
    """

    def can_continue(self, response: Response | None) -> bool:
        """Whether the server that sent ``response`` can continue a partial reply.

        With None: whether every server of this protocol can.
        """

    def request_body(
        self, messages: Sequence[PromptMessage], partial_text: str, max_prompt_tokens: int
    ) -> dict[str, Any]:
        """Return the JSON of a request for the text that follows ``partial_text``."""

    def event_text(self, event: Any) -> tuple[str, bool]:
        """Return the text of one event in a stream, and whether this event is the last.

        Raises:
            TransientError, PromptTooLong: The event is an error.
        """

    def body_text(self, body: Any) -> str:
        """Return the text of an answer that is not a stream."""
