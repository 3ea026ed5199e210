"""Shows sessions again to sockets that missed something, and closes those whose session ended."""

from __future__ import annotations

import logging
import threading
import time

from chat.errors import Busy, Internal, SessionGone
from chat.outage import Outage
from chat.store import Store
from web.connection import Connection
from web.connections import Connections

log = logging.getLogger(__name__)

GONE_CHECK_EVERY = 20.0  # seconds; a socket outlives its session by this at most
_AT_ONCE = 500  # sessions asked for in one round trip


class Refresher:
    """One thread a process reads histories, so that the relay never waits for Redis."""

    def __init__(self, store: Store, connections: Connections) -> None:
        self._store = store
        self._connections = connections
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._gaps: set[Connection] = set()  # both bounded by the open sockets
        self._compare: set[str] = set()

    def refresh(self, connection: Connection) -> None:
        """Show the session to a socket again, soon."""
        with self._lock:
            self._gaps.add(connection)
        self._wake.set()

    def compare(self, token: str) -> None:
        """Look, soon, whether a session's sockets have seen all of it."""
        connections = self._connections.of(token)
        for connection in connections:
            connection.doubt = not connection.shown
        if any(connection.shown for connection in connections):
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
                    self._look_at(self._connections.tokens(), compare=False)
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
                for connection in self._connections.of(token):
                    if rev is None:
                        connection.end()
                    elif compare and rev != connection.rev:
                        connection.missed()

    def _refresh_all(self) -> None:
        while self._gaps:
            with self._lock:
                connection = self._gaps.pop()
            try:
                with connection.hold():
                    connection.show(self._store.history(connection.token))
            except SessionGone:
                connection.end()
            except Internal as error:  # it is about this session alone
                log.warning("a session cannot be read: %s", error)
                connection.link.close(1011, "internal error")
            except Busy:
                with self._lock:
                    self._gaps.add(connection)
                raise
