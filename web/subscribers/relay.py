"""Delivers the events of sessions from Redis to this process's subscribers."""

from __future__ import annotations

import logging
import threading
import time

import redis

from chat.background import start_background_thread
from chat.channel import Listener, MalformedEvent, SessionEvent, Subscribed
from chat.outage import Outage
from chat.redis_client import UNAVAILABLE
from web.subscribers.registry import SubscriberRegistry
from web.subscribers.resync import Resync
from web.subscribers.subscriber import Subscriber

log = logging.getLogger(__name__)

# How long a new subscriber waits for Redis to confirm its subscription. Redis confirms later only
# when it could not be reached, and then the subscriber is resynced.
SUBSCRIBE_TIMEOUT = 2.0  # seconds


class Relay:
    """One pub/sub connection of a process, subscribed to each session that has subscribers here."""

    def __init__(
        self, client: redis.Redis, subscribers: SubscriberRegistry, resync: Resync
    ) -> None:
        self._listener = Listener(client)
        self._subscribers = subscribers
        self._resync = resync
        self._lock = threading.Lock()
        # By token: an event that is set when Redis confirms the subscription, and then dropped.
        self._unconfirmed: dict[str, threading.Event] = {}
        self._started = False

    def subscribe(self, subscriber: Subscriber) -> None:
        """Add a subscriber; wait until its session's events arrive, `SUBSCRIBE_TIMEOUT` at most."""
        with self._lock:
            if not self._started:
                self._started = True
                start_background_thread("relay", self.run)
                start_background_thread("resync", self._resync.run)
            if self._subscribers.add(subscriber):
                self._unconfirmed[subscriber.token] = threading.Event()
                self._listener.subscribe([subscriber.token])
            confirmed = self._unconfirmed.get(subscriber.token)
        if confirmed:
            subscriber.subscription_confirmed = confirmed.wait(SUBSCRIBE_TIMEOUT)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        with self._lock:
            if self._subscribers.remove(subscriber):
                self._unconfirmed.pop(subscriber.token, None)
                self._listener.unsubscribe([subscriber.token])

    def run(self) -> None:
        """Deliver events, forever; reconnect whenever the connection to Redis is lost."""
        outage = Outage(log, "events are not delivered to WebSockets")
        while True:
            try:
                self._connect()
                while True:
                    self._read()
                    outage.worked()
            except (*UNAVAILABLE, OSError) as error:
                time.sleep(outage.failed(error))

    def _connect(self) -> None:
        self._listener.connect()
        with self._lock:
            tokens = self._subscribers.tokens()
            for token in tokens:
                self._unconfirmed.setdefault(token, threading.Event())
            if tokens:
                self._listener.subscribe(tokens)

    def _read(self) -> None:
        try:
            received = self._listener.read()
        except MalformedEvent as error:
            log.error("an event could not be read: %s", error)
            return
        match received:
            case SessionEvent():
                self._subscribers.deliver(received)
            case Subscribed(token):
                self._resync.compare_revisions(token)
                with self._lock:
                    confirmed = self._unconfirmed.pop(token, None)
                if confirmed:
                    confirmed.set()
