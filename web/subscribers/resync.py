"""Shows sessions again to sockets that missed something, and closes those whose session ended."""

from __future__ import annotations

import logging
import threading
import time

from chat.errors import Busy, Internal, SessionGone
from chat.outage import Outage
from chat.session_store import SessionStore
from web.subscribers.registry import SubscriberRegistry
from web.subscribers.subscriber import Subscriber

log = logging.getLogger(__name__)

GONE_CHECK_EVERY = 20.0  # seconds; a socket outlives its session by this at most
_AT_ONCE = 500  # sessions asked for in one round trip


class Resync:
    """One thread a process reads histories, so that the relay never waits for Redis."""

    def __init__(self, store: SessionStore, subscribers: SubscriberRegistry) -> None:
        self._store = store
        self._subscribers = subscribers
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._gaps: set[Subscriber] = set()  # both bounded by the open sockets
        self._compare: set[str] = set()

    def refresh(self, subscriber: Subscriber) -> None:
        """Show the session to a socket again, soon."""
        with self._lock:
            self._gaps.add(subscriber)
        self._wake.set()

    def compare(self, token: str) -> None:
        """Look, soon, whether a session's sockets have seen all of it."""
        subscribers = self._subscribers.of(token)
        for subscriber in subscribers:
            subscriber.doubt = not subscriber.shown
        if any(subscriber.shown for subscriber in subscribers):
            with self._lock:
                self._compare.add(token)
            self._wake.set()

    def run(self) -> None:
        """Refresh, for ever."""
        outage = Outage(log, "sockets cannot be shown their sessions again")
        check_at = time.monotonic() + GONE_CHECK_EVERY
        while True:
            self._wake.wait(max(0.0, check_at - time.monotonic()))
            self._wake.clear()
            try:
                if time.monotonic() >= check_at:
                    check_at = time.monotonic() + GONE_CHECK_EVERY
                    self._look_at(self._subscribers.tokens(), compare=False)
                self._look_at(list(self._compare), compare=True)
                self._refresh_all()
                outage.worked()
            except (Busy, Internal) as error:
                time.sleep(outage.failed(error))
                self._wake.set()

    def _look_at(self, tokens: list[str], *, compare: bool) -> None:
        for start in range(0, len(tokens), _AT_ONCE):
            revisions = self._store.revisions(tokens[start : start + _AT_ONCE])
            for token, rev in revisions.items():
                if compare:
                    with self._lock:
                        self._compare.discard(token)
                for subscriber in self._subscribers.of(token):
                    if rev is None:
                        subscriber.end()
                    elif compare and rev != subscriber.rev:
                        subscriber.missed()

    def _refresh_all(self) -> None:
        while self._gaps:
            with self._lock:
                subscriber = self._gaps.pop()
            try:
                with subscriber.hold():
                    subscriber.show(self._store.history(subscriber.token))
            except SessionGone:
                subscriber.end()
            except Internal as error:  # it is about this session alone
                log.warning("a session cannot be read: %s", error)
                subscriber.websocket.close(1011, "internal error")
            except Busy:
                with self._lock:
                    self._gaps.add(subscriber)
                raise
