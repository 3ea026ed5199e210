"""Brings the events of sessions from Redis to this process's sockets."""

from __future__ import annotations

import logging
import threading
import time

import redis

from chat.background import start_background_thread
from chat.channel import Event, Listener, Subscribed
from chat.outage import Outage
from chat.redis_client import UNREACHABLE
from web.subscribers.registry import SubscriberRegistry
from web.subscribers.resync import Resync
from web.subscribers.subscriber import Subscriber

log = logging.getLogger(__name__)

# How long a new socket waits to be subscribed. When it takes longer Redis is away, and the
# reconnection shows the session again to whoever missed something.
SUBSCRIBE_WITHIN = 2.0  # seconds


class Relay:
    """One pub/sub connection a process, with one channel a session that has sockets here."""

    def __init__(
        self, client: redis.Redis, subscribers: SubscriberRegistry, resync: Resync
    ) -> None:
        self._listener = Listener(client)
        self._subscribers = subscribers
        self._resync = resync
        self._lock = threading.Lock()
        self._heard: dict[str, threading.Event] = {}  # set once a session's events arrive
        self._running = False

    def open(self, subscriber: Subscriber) -> None:
        """Add a socket, and wait until its session's events arrive here."""
        with self._lock:
            if not self._running:  # the process's first socket
                self._running = True
                start_background_thread("relay", self.run)
                start_background_thread("refresher", self._resync.run)
            if self._subscribers.add(subscriber):
                self._heard[subscriber.token] = threading.Event()
                self._listener.subscribe([subscriber.token])
            heard = self._heard[subscriber.token]
        subscriber.doubt = not heard.wait(SUBSCRIBE_WITHIN)

    def close(self, subscriber: Subscriber) -> None:
        """Remove a socket."""
        with self._lock:
            if self._subscribers.remove(subscriber):
                del self._heard[subscriber.token]
                self._listener.unsubscribe([subscriber.token])

    def run(self) -> None:
        """Listen, for ever; connect again whenever Redis is lost."""
        outage = Outage(log, "no events reach the sockets")
        while True:
            try:
                self._connect()
                while True:
                    self._read()
                    outage.worked()
            except (*UNREACHABLE, OSError) as error:
                time.sleep(outage.failed(error))

    def _connect(self) -> None:
        self._listener.connect()
        with self._lock:
            for heard in self._heard.values():
                heard.clear()
            if self._heard:
                self._listener.subscribe(self._heard)

    def _read(self) -> None:
        try:
            told = self._listener.read()
        except ValueError:
            log.exception("an event could not be read")
            return
        match told:
            case Event():
                self._subscribers.tell(told)
            case Subscribed(token):
                heard = self._heard.get(token)
                if heard:
                    # Those that were shown the session before may have missed something since.
                    self._resync.compare(token)
                    heard.set()
