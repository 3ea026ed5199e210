"""What tells one protocol from another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tasks.models.http import Response
from tasks.prompt import Line


class Adapter(Protocol):
    """How one protocol asks and answers."""

    def can_continue(self, response: Response | None) -> bool:
        """Whether the server that answers can continue a partial reply.

        With None: whether every server of this protocol can.
        """

    def body(self, lines: Sequence[Line], said: str, room: int) -> dict[str, Any]:
        """Return the request for what follows ``said``; ``room`` is in tokens."""

    def piece(self, event: Any) -> tuple[str, bool]:
        """Return the text of an event of a stream, and whether it is the last."""

    def whole(self, body: Any) -> str:
        """Return the text of an answer in one body."""
