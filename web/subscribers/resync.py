"""Sends sessions again to subscribers that missed an event, and closes those of ended sessions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from itertools import islice

from chat import metrics
from chat.errors import Internal, RedisUnavailable, SessionGone
from chat.outage import Outage
from chat.session_store import SessionStore
from web.subscribers.registry import SubscriberRegistry
from web.subscribers.subscriber import Subscriber

log = logging.getLogger(__name__)

# A WebSocket stays open for this long at most after its session has expired.
ENDED_CHECK_INTERVAL = 20.0  # seconds
_MAX_BATCH = 500  # sessions in one round trip to Redis


class Resync:
    """One thread of a process reads histories, so that the relay does not have to wait for Redis.

    Any thread may call `request` and `compare_revisions`.
    """

    def __init__(self, store: SessionStore, subscribers: SubscriberRegistry) -> None:
        self._store = store
        self._subscribers = subscribers
        self._lock = threading.Lock()
        self._wake_up = threading.Event()
        # Both are bounded by the number of open WebSockets.
        self._requested: set[Subscriber] = set()
        self._to_compare: set[str] = set()  # tokens

    def request(self, subscriber: Subscriber) -> None:
        """Request that a subscriber is sent its session again; returns at once."""
        with self._lock:
            self._requested.add(subscriber)
        self._wake_up.set()

    def compare_revisions(self, token: str) -> None:
        """Request a check of a session's subscribers for missed events; returns at once.

        Call it when Redis has confirmed a subscription: earlier events may not have arrived.
        """
        subscribers = self._subscribers.of_session(token)
        for subscriber in subscribers:
            # One that is not synced may be about to send a history that was read before this
            # confirmation.
            subscriber.subscription_confirmed = subscriber.synced
        if any(subscriber.synced for subscriber in subscribers):
            with self._lock:
                self._to_compare.add(token)
            self._wake_up.set()

    def run(self) -> None:
        """Handle the requests in a loop."""
        outage = Outage(log, "sessions cannot be resynced")
        check_at = time.monotonic() + ENDED_CHECK_INTERVAL
        while True:
            self._wake_up.wait(max(0.0, check_at - time.monotonic()))
            self._wake_up.clear()
            try:
                if time.monotonic() >= check_at:
                    check_at = time.monotonic() + ENDED_CHECK_INTERVAL
                    self._close_ended()
                self._resync_changed()
                self._send_sessions()
                outage.worked()
            except (RedisUnavailable, Internal) as error:
                time.sleep(outage.failed(error))
                self._wake_up.set()

    def _close_ended(self) -> None:
        for token, rev in self._revisions(self._subscribers.tokens()):
            if rev is None:
                for subscriber in self._subscribers.of_session(token):
                    subscriber.close_ended()

    def _resync_changed(self) -> None:
        for token, rev in self._revisions(list(self._to_compare)):
            with self._lock:
                self._to_compare.discard(token)
            for subscriber in self._subscribers.of_session(token):
                if rev is None:
                    subscriber.close_ended()
                elif rev != subscriber.rev:
                    subscriber.resync()

    def _revisions(self, tokens: list[str]) -> Iterator[tuple[str, int | None]]:
        remaining = iter(tokens)
        while batch := list(islice(remaining, _MAX_BATCH)):
            yield from self._store.revisions(batch).items()

    def _send_sessions(self) -> None:
        while self._requested:
            with self._lock:
                subscriber = self._requested.pop()
            try:
                with subscriber.buffering():
                    subscriber.send_session(self._store.history(subscriber.token))
                metrics.resyncs.inc()
            except SessionGone:
                subscriber.close_ended()
            except Internal as error:  # only this session is affected
                log.warning("a session cannot be read: %s", error)
                subscriber.websocket.close(1011, "internal error")
            except RedisUnavailable:
                with self._lock:
                    self._requested.add(subscriber)
                raise
