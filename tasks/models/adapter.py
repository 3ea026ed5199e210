"""The interface that each model protocol implements: what is asked.

How an answer is read does not depend on the protocol: `tasks.models.answer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tasks.models.response import Response
from tasks.prompt import PromptMessage


class Adapter(Protocol):
    """Builds the requests of one protocol."""

    @property
    def stop_sequence(self) -> str | None:
        """The text at which a reply ends, None if the model ends its replies itself."""

    def can_continue(self, response: Response | None) -> bool:
        """Whether the server that sent ``response`` can continue a partial reply.

        With None: whether every server of this protocol can.
        """

    def request_body(
        self, messages: Sequence[PromptMessage], partial_text: str, max_prompt_tokens: int
    ) -> dict[str, Any]:
        """Return the JSON of a request for the text that follows ``partial_text``."""
