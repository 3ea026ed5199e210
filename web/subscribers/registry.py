"""The subscribers of this process, by session."""

from __future__ import annotations

import threading

from chat.channel import SessionEvent
from web.subscribers.subscriber import Subscriber


class SubscriberRegistry:
    """The subscribers of all sessions that have one here. Any thread may call it."""

    def __init__(self) -> None:
        # Nearly every session has one subscriber here, for which a set is large. Each tuple is
        # replaced and never changed, so that `deliver` needs no lock.
        self._by_token: dict[str, tuple[Subscriber, ...]] = {}
        self._lock = threading.Lock()  # of the changes

    def add(self, subscriber: Subscriber) -> bool:
        """Add a subscriber; return whether it is the first of its session."""
        with self._lock:
            others = self._by_token.get(subscriber.token, ())
            self._by_token[subscriber.token] = (*others, subscriber)
            return not others

    def remove(self, subscriber: Subscriber) -> bool:
        """Remove a subscriber; return whether it was the last of its session."""
        with self._lock:
            subscribers = self._by_token.get(subscriber.token, ())
            others = tuple(other for other in subscribers if other is not subscriber)
            if others:
                self._by_token[subscriber.token] = others
                return False
            return self._by_token.pop(subscriber.token, None) is not None

    def tokens(self) -> list[str]:
        """Return the sessions that have a subscriber."""
        with self._lock:
            return list(self._by_token)

    def of_session(self, token: str) -> tuple[Subscriber, ...]:
        """Return the subscribers of a session."""
        return self._by_token.get(token, ())

    def all(self) -> list[Subscriber]:
        """Return all subscribers."""
        with self._lock:
            return [each for subscribers in self._by_token.values() for each in subscribers]

    def deliver(self, event: SessionEvent) -> None:
        """Deliver an event to the subscribers of its session."""
        for subscriber in self.of_session(event.token):
            if event.type == "erased":
                subscriber.close_ended()
            else:
                subscriber.deliver(event)
