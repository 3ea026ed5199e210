"""How a connection to a model's server is made, so that whoever asked may close it at any time."""

from __future__ import annotations

import io
import socket
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from tasks.models.call import Call

CONNECT_WITHIN = 5.0  # seconds


def connect_within(call: Call) -> float:
    """Return how many seconds a connection may take to be made; raises as `Call.left`."""
    return min(CONNECT_WITHIN, call.left())


class CallAdapter(HTTPAdapter):
    """Has a call hold the connection that it opens, through a proxy or not."""

    def __init__(self, call: Call) -> None:
        self._pools = _pools(call)
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


class _Reader(io.RawIOBase):
    """Reads from a connection until the call's deadline, head and body.

    The socket's own timeout is for one read, and a header without end is many.
    """

    def __init__(self, connection: io.RawIOBase, call: Call) -> None:
        self._connection = connection
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._call.limit()
        read: int | None = self._connection.readinto(buffer)
        return read

    def close(self) -> None:
        self._connection.close()
        super().close()


def _pools(call: Call) -> dict[str, type[HTTPConnectionPool]]:
    class Answer(HTTPResponse):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.fp = io.BufferedReader(_Reader(self.fp.detach(), call))

    class Http(HTTPConnection):
        response_class = Answer

        def _new_conn(self) -> socket.socket:
            return _connect(self, call)

        def connect(self) -> None:
            super().connect()
            call.attach(self.sock)

    class Https(HTTPSConnection):
        response_class = Answer

        def _new_conn(self) -> socket.socket:
            return _connect(self, call)

        def connect(self) -> None:
            super().connect()
            call.attach(self.sock)

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = Https

    return {"http": HttpPool, "https": HttpsPool}


def _connect(connection: HTTPConnection, call: Call) -> socket.socket:
    """Connect as `socket.create_connection` does, but let a call hold the socket before that."""
    failure = OSError("the host has no address")
    host = connection._dns_host
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, connection.port, type=socket.SOCK_STREAM
    ):
        patience = connect_within(call)
        line = socket.socket(family, kind, protocol)
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.settimeout(patience)
            call.hold(line)
            line.connect(address)
        except OSError as error:
            line.close()
            failure = error
        else:
            return line
    raise NewConnectionError(connection, "no connection") from failure
