"""Connections to a model's server that another thread can shut down at any time.

urllib3 2.8 and requests 2.34 give no public access to a socket before its connection is made, so
this file replaces urllib3's connection classes.
"""

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

CONNECT_TIMEOUT = 5.0  # seconds


def connect_timeout(call: Call) -> float:
    """Return the timeout for making a connection, in seconds. Raises as `Call.time_left`."""
    return min(CONNECT_TIMEOUT, call.time_left())


class CancellableHTTPAdapter(HTTPAdapter):
    """Lets a call cancel the connections that it opens, direct ones and those through a proxy."""

    def __init__(self, call: Call) -> None:
        self._pool_classes = _pool_classes(call)
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._pool_classes
        return manager


class _DeadlineReader(io.RawIOBase):
    """Reads the head and the body of a response until the call's deadline.

    A socket's own timeout limits a single read only. A head that never ends takes many reads.
    """

    def __init__(self, reader: io.RawIOBase, call: Call) -> None:
        self._reader = reader
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._call.limit_next_read()
        count: int | None = self._reader.readinto(buffer)
        return count

    def close(self) -> None:
        self._reader.close()
        super().close()


def _pool_classes(call: Call) -> dict[str, type[HTTPConnectionPool]]:
    class Response(HTTPResponse):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), call))

    class Http(HTTPConnection):
        response_class = Response

        def _new_conn(self) -> socket.socket:
            return _connect(self, call)

        def connect(self) -> None:
            super().connect()
            call.set_read_socket(self.sock)

    class Https(HTTPSConnection):
        response_class = Response

        def _new_conn(self) -> socket.socket:
            return _connect(self, call)

        def connect(self) -> None:
            super().connect()
            call.set_read_socket(self.sock)

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = Https

    return {"http": HttpPool, "https": HttpsPool}


def _connect(connection: HTTPConnection, call: Call) -> socket.socket:
    """Connect like `socket.create_connection`, but hand the socket to the call before that."""
    failure = OSError("the host has no address")
    host = connection._dns_host
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, connection.port, type=socket.SOCK_STREAM
    ):
        timeout = connect_timeout(call)
        tcp_socket = socket.socket(family, kind, protocol)
        try:
            tcp_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tcp_socket.settimeout(timeout)
            call.shut_down_on_cancel(tcp_socket)
            tcp_socket.connect(address)
        except OSError as error:
            tcp_socket.close()
            failure = error
        else:
            return tcp_socket
    raise NewConnectionError(connection, "no connection") from failure
