"""Messages, retries and continues that the server has not confirmed yet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from terminal.conversation import Conversation

# Far more than a person types while the chat is unreachable. One more is refused with a sentence.
MAX_PENDING = 100


@dataclass
class PendingRequest:
    """A message to send, or a retry or continue of one."""

    frame: dict[str, Any]
    old_reply: str = ""  # of a retry: the id of the reply that is to be replaced
    sent: bool = False  # whether it was ever sent, so that the server may know it
    old_text: str = ""  # of a continue: the text of the reply that is to be continued

    @property
    def id(self) -> str:
        """The id of the message."""
        return str(self.frame["id"])

    def confirmed_by(self, conversation: Conversation) -> bool:
        """Whether a new history shows that the server has accepted this request."""
        exchange = conversation.exchange(self.id)
        if self.frame["type"] == "message" or exchange is None:
            return exchange is not None
        if not self.sent or exchange.reply is None or not exchange.reply.finished:
            return self.sent
        if self.frame["type"] == "continue":
            return not exchange.reply.cut or exchange.reply.msg != self.old_text
        # A reply that failed before it began has no id in the `error` frame, but has one in the
        # history.
        failed_without_id = not self.old_reply and bool(exchange.reply.error)
        return exchange.reply.id != self.old_reply and not failed_without_id


class PendingRequests:
    """A queue of requests. Only the first one is sent, so that requests keep their order."""

    def __init__(self) -> None:
        self._queue: deque[PendingRequest] = deque()

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(request.id for request in self._queue)

    @property
    def first(self) -> PendingRequest | None:
        return self._queue[0] if self._queue else None

    @property
    def full(self) -> bool:
        return len(self._queue) >= MAX_PENDING

    def add(self, request: PendingRequest) -> None:
        """Append a request."""
        self._queue.append(request)

    def remove(self, message_id: str) -> PendingRequest | None:
        """Remove the first request with this id; return it."""
        for request in self._queue:
            if request.id == message_id:
                self._queue.remove(request)
                return request
        return None

    def remove_confirmed(self, conversation: Conversation) -> None:
        """Remove all requests that a new history confirms."""
        self._queue = deque(
            request for request in self._queue if not request.confirmed_by(conversation)
        )
