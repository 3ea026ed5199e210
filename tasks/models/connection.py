"""One connection to a model's server. Another thread can shut it down at any time.

urllib3 2.8 and requests 2.34 give no public access to a socket before its connection is made, so
this file replaces urllib3's connection classes.
"""

from __future__ import annotations

import errno
import json
import re
import socket
import ssl
from contextlib import suppress
from functools import partial
from http.client import HTTPException, HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict
from urllib3 import HTTPResponse as DecodedResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from tasks.models.answer_body import Answer, AnswerBody
from tasks.models.call import Call
from tasks.models.certificates import tls_context
from tasks.models.credentials import Credentials

CONNECT_TIMEOUT = 5.0  # seconds
# A request whose bytes the server's host has not acknowledged for so long has failed. Without this,
# a connection that the network has forgotten would be silent until the reply's deadline.
UNACKNOWLEDGED_TIMEOUT = 10.0  # seconds
# The heads of two requests of a connection differ in the values of these headers only.
_REQUEST_ID = "X-Request-Id"
_CONTENT_LENGTH = re.compile(rb"(?<=\r\nContent-Length: )[0-9]+")
# The rest of an answer after its last event, such as a report of the usage: 8 KiB each at most.
_MAX_DRAIN_READS = 16


def connect_timeout(call: Call) -> float:
    """Return the timeout for making a connection, in seconds. Raises as `Call.time_left`."""
    return min(CONNECT_TIMEOUT, call.time_left())


class Environment:
    """The proxies and the certificates that the environment names, read once for each URL.

    requests reads them for each request, which takes longer than all else that it does.
    """

    def __init__(self) -> None:
        self._read: dict[str, tuple[Any, Any]] = {}

    def of(self, url: str) -> tuple[Any, Any]:
        """Return the ``proxies`` and ``verify`` of a `requests.Session` for a URL."""
        if url not in self._read:
            found = requests.Session().merge_environment_settings(url, {}, None, None, None)
            self._read[url] = found["proxies"], found["verify"]
        return self._read[url]


class Connection:
    """A connection for one request after the other, each of another call.

    Only one thread uses it at a time. It is opened by its first request. It may be kept for another
    one if the last answer was, or can be, read to its end.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._session = requests.Session()
        adapter = _Adapter(self)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        # One person's request must not carry what the server has set in another person's answer.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._answer: DecodedResponse | None = None
        self._head_for: tuple[str, str] | None = None  # the method and the URL of `head`
        # The rest is set by the classes below.
        self.call: Call | None = None  # None while it is idle
        self.http: HTTPConnection | None = None
        self.response: HTTPResponse | None = None
        self.body: AnswerBody | None = None
        # Of the last request that requests has sent, what is before and after its Content-Length.
        self.head: list[bytes] = []
        self.answer_begun = False  # whether any byte of an answer has arrived
        self.reused = False  # whether the socket has served an earlier request
        self.drain_reads_left = 0

    def request(
        self,
        method: str,
        url: str,
        call: Call,
        body: dict[str, Any] | None,
        credentials: Credentials,
        headers: dict[str, str],
        request_id: str | None,
    ) -> DecodedResponse:
        """Send a request for ``call``. Returns as soon as the head of the answer has arrived.

        ``credentials`` and ``headers`` are the same in all requests to one URL, ``request_id`` is
        sent as X-Request-Id.
        """
        self.call = call
        self.answer_begun = False
        self.reused = self.http is not None
        if self.http and self.http.sock:
            call.shut_down_on_cancel(self.http.sock)
            if body is not None and len(self.head) == 2 and self._head_for == (method, url):
                self._answer = self._send_again(self.http, method, body, call, request_id)
                return self._answer
        if self.http is None:
            proxies, verify = self._environment.of(url)
            self._session.proxies, self._session.verify = proxies, verify
            self._session.trust_env = False
        self._head_for = method, url
        answer = self._session.request(
            method,
            url,
            json=body,
            auth=credentials,
            headers=headers | ({_REQUEST_ID: request_id} if request_id else {}),
            timeout=(connect_timeout(call), call.time_left()),
            stream=True,
            allow_redirects=False,  # the token is for this server alone
        )
        self._answer = cast(DecodedResponse, answer.raw)
        return self._answer

    def tls_context(self) -> ssl.SSLContext:
        """Return the context for a server or a proxy, with the certificates of the environment."""
        return tls_context(cast("bool | str", self._session.verify))

    def _send_again(
        self,
        http: HTTPConnection,
        method: str,
        body: dict[str, Any],
        call: Call,
        request_id: str | None,
    ) -> DecodedResponse:
        """Send the last request with another id and body.

        To have requests prepare the same head each time would take as long as the rest of a short
        reply. Also, head and body are one packet here.
        """
        content = json.dumps(body).encode()
        head = (b"%d" % len(content)).join(self.head) + b"\r\n"
        if request_id:
            head += f"{_REQUEST_ID}: {request_id}\r\n".encode()
        http.sock.settimeout(connect_timeout(call))
        with suppress(BrokenPipeError):  # the server may have answered before
            http.sock.sendall(head + b"\r\n" + content)
        answer = Answer(self, http.sock, method=method)
        try:
            answer.begin()
        except BaseException:
            answer.close()
            raise
        if answer.will_close:
            http.close()  # the answer keeps the socket open
        return DecodedResponse(
            answer,
            HTTPHeaderDict(answer.headers.items()),
            status=answer.status,
            reason=answer.reason,
            preload_content=False,
            decode_content=False,
            original_response=answer,
            request_method=method,
        )

    def was_closed_while_idle(self, error: BaseException) -> bool:
        """Whether ``error`` of `request` shows that the server had closed this kept connection."""
        return self.reused and not self.answer_begun and any(map(_is_close, _causes(error)))

    def release(self) -> None:
        """End the call. `is_ready` tells later whether another call can use the connection."""
        if self.call:
            self.call.forget_socket()
            self.call = None
        if self._answer:
            self._answer.release_conn()

    def is_ready(self) -> bool:
        """Whether a released connection can take a request. Never waits.

        The end of a stream often arrives just after its last event. It is read here and not at
        once, so that the reply need not wait for it.
        """
        if not (self.http and self.http.sock and self.response and self.body):
            return False  # the server had announced that it would close the connection
        self.drain_reads_left = _MAX_DRAIN_READS
        try:
            self.http.sock.settimeout(0)
            while not self.response.isclosed() and self.response.read1():
                pass
            if self.response.length == 0:  # http.client leaves it open then
                self.response.close()
        except (OSError, HTTPException):
            return False
        # Bytes after the end of an answer would be taken for the next one.
        pending = self.http.sock.pending() if isinstance(self.http.sock, ssl.SSLSocket) else 0
        ended = self.response.isclosed() and not (self.body.has_surplus or pending)
        return ended and self.http.is_connected

    def close(self) -> None:
        """Close the connection, whatever its state."""
        if self.call:
            self.call.forget_socket()
            self.call = None
        if self._answer:
            self._answer.close()
        self._session.close()
        if self.http:
            self.http.close()


def _causes(error: BaseException) -> list[BaseException]:
    """Return ``error`` and the errors that led to it."""
    causes = []
    cause: BaseException | None = error
    while cause:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return causes


def _is_close(error: BaseException) -> bool:
    """Whether ``error`` says that the other side has closed the connection or has forgotten it."""
    return isinstance(
        error,
        # The first includes http.client's RemoteDisconnected.
        ConnectionResetError | BrokenPipeError | ssl.SSLEOFError | ssl.SSLZeroReturnError,
    ) or (isinstance(error, OSError) and error.errno == errno.ETIMEDOUT)


class _Adapter(HTTPAdapter):
    """Opens the connections of a `Connection`, direct ones and those through a proxy."""

    def __init__(self, owner: Connection) -> None:
        self._tls_context = owner.tls_context
        self._pool_classes = {
            "http": partial(_HttpPool, owner),
            "https": partial(_HttpsPool, owner),
        }
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        if proxy.lower().startswith("https:"):
            options["proxy_ssl_context"] = self._tls_context()
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._pool_classes
        return manager

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        host, options = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._tls_context()} if host["scheme"] == "https" else options

    def cert_verify(self, *args: Any) -> None:
        """Leave the connections as they are: their context verifies."""


class _OwnedConnection:
    def __init__(self, owner: Connection, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._owner = owner
        self.response_class = partial(Answer, owner)

    def endheaders(self, *args: Any, **options: Any) -> None:
        lines = cast(Any, self)._buffer  # http.client gives no other access to the head
        head = b"\r\n".join(line for line in lines if not line.startswith(_REQUEST_ID.encode()))
        self._owner.head = _CONTENT_LENGTH.split(head, maxsplit=1)
        super().endheaders(*args, **options)  # type: ignore[misc]

    def _new_conn(self) -> socket.socket:
        return _connect(cast(HTTPConnection, self), self._owner)


class _Http(_OwnedConnection, HTTPConnection):  # type: ignore[misc]
    pass


class _Https(_OwnedConnection, HTTPSConnection):  # type: ignore[misc]
    pass


class _HttpPool(HTTPConnectionPool):
    def __init__(self, owner: Connection, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ConnectionCls = partial(_Http, owner)  # type: ignore[assignment]


class _HttpsPool(HTTPSConnectionPool):
    def __init__(self, owner: Connection, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ConnectionCls = partial(_Https, owner)  # type: ignore[assignment]


def _connect(connection: HTTPConnection, owner: Connection) -> socket.socket:
    """Connect like `socket.create_connection`, but hand the socket to the call before that."""
    owner.http, owner.reused = connection, False
    call = cast(Call, owner.call)
    failure = OSError("the host has no address")
    host = connection._dns_host
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, connection.port, type=socket.SOCK_STREAM
    ):
        timeout = connect_timeout(call)
        tcp_socket = socket.socket(family, kind, protocol)
        try:
            tcp_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # on Linux
                milliseconds = int(UNACKNOWLEDGED_TIMEOUT * 1000)
                tcp_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
            tcp_socket.settimeout(timeout)
            call.shut_down_on_cancel(tcp_socket)
            tcp_socket.connect(address)
        except OSError as error:
            tcp_socket.close()
            failure = error
        else:
            return tcp_socket
    raise NewConnectionError(connection, "no connection") from failure
