"""Brings the events of sessions from Redis to this process's sockets."""

from __future__ import annotations

import logging
import threading
import time

import redis

from chat.channel import Event, Listener, MalformedEvent, Subscribed
from chat.connect import UNREACHABLE
from chat.loop import start_loop
from chat.outage import Outage
from web.connection import Connection
from web.connections import Connections
from web.refresher import Refresher

log = logging.getLogger(__name__)

# How long a new socket waits to be subscribed. When it takes longer Redis is away, and the
# reconnection shows the session again to whoever missed something.
SUBSCRIBE_WITHIN = 2.0  # seconds


class Relay:
    """One pub/sub connection a process, with one channel a session that has sockets here."""

    def __init__(self, client: redis.Redis, connections: Connections, refresher: Refresher) -> None:
        self._listener = Listener(client)
        self._connections = connections
        self._refresher = refresher
        self._lock = threading.Lock()
        self._heard: dict[str, threading.Event] = {}  # set once a session's events arrive
        self._running = False

    def open(self, connection: Connection) -> None:
        """Add a socket, and wait until its session's events arrive here."""
        with self._lock:
            if not self._running:  # the process's first socket
                self._running = True
                start_loop("relay", self.run)
                start_loop("refresher", self._refresher.run)
            if self._connections.add(connection):
                self._heard[connection.token] = threading.Event()
                self._listener.subscribe([connection.token])
            heard = self._heard[connection.token]
        connection.doubt = not heard.wait(SUBSCRIBE_WITHIN)

    def close(self, connection: Connection) -> None:
        """Remove a socket."""
        with self._lock:
            if self._connections.remove(connection):
                del self._heard[connection.token]
                self._listener.unsubscribe([connection.token])

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
        except MalformedEvent as error:
            log.error("an event could not be read: %s", error)
            return
        match told:
            case Event():
                self._connections.tell(told)
            case Subscribed(token):
                heard = self._heard.get(token)
                if heard:
                    # Those that were shown the session before may have missed something since.
                    self._refresher.compare(token)
                    heard.set()
