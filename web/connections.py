"""The open sockets of this process, by token."""

from __future__ import annotations

import threading

from chat.channel import Event
from web.connection import Connection


class Connections:
    """Who is to be told of a session's events. Any thread may call it."""

    def __init__(self) -> None:
        self._by_token: dict[str, set[Connection]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._by_token.values()))

    def add(self, connection: Connection) -> bool:
        """Add a socket; return whether it is its session's first here."""
        with self._lock:
            known = self._by_token.setdefault(connection.token, set())
            known.add(connection)
            return len(known) == 1

    def remove(self, connection: Connection) -> bool:
        """Remove a socket; return whether it was its session's last here."""
        with self._lock:
            known = self._by_token.get(connection.token, set())
            known.discard(connection)
            if known:
                return False
            return self._by_token.pop(connection.token, None) is not None

    def tokens(self) -> list[str]:
        """Return the sessions that have a socket here."""
        with self._lock:
            return list(self._by_token)

    def of(self, token: str) -> list[Connection]:
        """Return a session's sockets."""
        with self._lock:
            return list(self._by_token.get(token, ()))

    def all(self) -> list[Connection]:
        """Return all sockets."""
        with self._lock:
            return [connection for known in self._by_token.values() for connection in known]

    def tell(self, event: Event) -> None:
        """Show an event to its session's sockets."""
        for connection in self.of(event.token):
            if event.type == "erased":
                connection.end()
            else:
                connection.tell(event)
