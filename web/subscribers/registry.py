"""The open sockets of this process, by token."""

from __future__ import annotations

import threading

from chat.channel import Event
from web.subscribers.subscriber import Subscriber


class SubscriberRegistry:
    """Who is to be told of a session's events. Any thread may call it."""

    def __init__(self) -> None:
        self._by_token: dict[str, set[Subscriber]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._by_token.values()))

    def add(self, subscriber: Subscriber) -> bool:
        """Add a socket; return whether it is its session's first here."""
        with self._lock:
            known = self._by_token.setdefault(subscriber.token, set())
            known.add(subscriber)
            return len(known) == 1

    def remove(self, subscriber: Subscriber) -> bool:
        """Remove a socket; return whether it was its session's last here."""
        with self._lock:
            known = self._by_token.get(subscriber.token, set())
            known.discard(subscriber)
            if known:
                return False
            return self._by_token.pop(subscriber.token, None) is not None

    def tokens(self) -> list[str]:
        """Return the sessions that have a socket here."""
        with self._lock:
            return list(self._by_token)

    def of(self, token: str) -> list[Subscriber]:
        """Return a session's sockets."""
        with self._lock:
            return list(self._by_token.get(token, ()))

    def all(self) -> list[Subscriber]:
        """Return all sockets."""
        with self._lock:
            return [subscriber for known in self._by_token.values() for subscriber in known]

    def tell(self, event: Event) -> None:
        """Show an event to its session's sockets."""
        for subscriber in self.of(event.token):
            if event.type == "erased":
                subscriber.end()
            else:
                subscriber.tell(event)
