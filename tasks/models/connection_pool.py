"""The connections to a model's server that wait for the next request."""

from __future__ import annotations

import threading
import time

from tasks.models.connection import Connection, Environment

# Shorter than most servers and load balancers keep an idle connection (60 s and more), so that
# seldom a request meets a connection that is being closed. `Connection.is_ready` finds the others.
IDLE_TIMEOUT = 30.0  # seconds


class ConnectionPool:
    """Keeps idle connections, at most ``size``. Any number of threads may use it at once.

    A call that finds none opens its own. So there are never more connections than calls at once.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._environment = Environment()
        self._lock = threading.Lock()
        self._idle: list[tuple[float, Connection]] = []  # since when, the oldest first
        self._timer: threading.Timer | None = None

    def take(self) -> Connection:
        """Return the connection that was used last and can take a request, else a new one."""
        while (connection := self._pop()) is not None:
            if connection.is_ready():
                return connection
            connection.close()
        return self.new()

    def new(self) -> Connection:
        """Return a new connection. It is opened by its first request."""
        return Connection(self._environment)

    def put(self, connection: Connection) -> None:
        """Keep a connection for the next request. Its last answer has ended, or is about to."""
        connection.release()
        with self._lock:
            full = len(self._idle) >= self._size
            if not full:
                self._idle.append((time.monotonic(), connection))
                self._set_timer()
        if full:
            connection.close()

    def close_expired(self) -> None:
        """Close the connections that have been idle for `IDLE_TIMEOUT`."""
        until = time.monotonic() - IDLE_TIMEOUT
        with self._lock:
            expired = [connection for since, connection in self._idle if since <= until]
            del self._idle[: len(expired)]
            self._timer = None
            self._set_timer()
        for connection in expired:
            connection.close()

    def _pop(self) -> Connection | None:
        with self._lock:
            return self._idle.pop()[1] if self._idle else None

    def _set_timer(self) -> None:
        """Let `close_expired` run when the oldest connection expires. No timer runs without one."""
        if self._timer is None and self._idle:
            seconds = self._idle[0][0] + IDLE_TIMEOUT - time.monotonic()
            timer = threading.Timer(max(seconds, 0.0), self.close_expired)
            timer.daemon = True
            timer.start()
            self._timer = timer
