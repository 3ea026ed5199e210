"""gunicorn's gevent worker with limits on what a client may send, and JSON for what it refuses.

gunicorn's own worker (27.0.1) reads without limits (see `web.server.request_reader`) and refuses
in HTML. gunicorn loads this module before gevent patches the standard library. So this module
imports nothing else that opens sockets. It does not serve HTTP/2 and TLS; a proxy does.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from itertools import count
from typing import Any

import gevent
from gunicorn import util
from gunicorn.http import errors
from gunicorn.http.message import Request
from gunicorn.workers.ggevent import GeventWorker

from web.server.request_limits import MAX_BODY_BYTES, SEND_TIMEOUT
from web.server.request_reader import RequestReader, TooLarge, TooSlow
from web.transport.upgraded import Upgraded

log = logging.getLogger("gunicorn.error")

_APPLICATION_ERRORS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
_STATUS_OF_HEAD = {  # any other error of the client is 400
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    TooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.ForbiddenProxyRequest: HTTPStatus.FORBIDDEN,
}
_STATUS_OF_BODY = {
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}
_DETAIL = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read.",
    HTTPStatus.REQUEST_TIMEOUT: "The request took too long.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"A body may have {MAX_BODY_BYTES // 1024} KiB.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on our side.",
}


class BoundedWorker(GeventWorker):  # type: ignore[misc]
    """Serves connections in greenlets; each request is read whole before it is handled."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection until it ends.

        A greenlet of its own serves HTTP. A WebSocket is served after that greenlet has ended: its
        stack, the request and all that belongs to it would stay in memory as long as the WebSocket.
        """
        name = listener.getsockname()
        try:
            serve_websocket = gevent.spawn(self._serve_http, name, client, addr).get()
            if serve_websocket:
                serve_websocket()
        finally:
            util.close(client)

    def is_already_handled(self, respiter: Any) -> bool:
        """Leave gunicorn's handling of the request if it has become a WebSocket."""
        if isinstance(respiter, Upgraded):
            raise _BecameWebSocket(respiter.serve)
        return False

    def handle_error(self, req: Request | None, client: Any, addr: Any, exc: Exception) -> None:
        """Respond in JSON. A client's error is logged in one line, without a traceback."""
        if not isinstance(exc, errors.ParseException):
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            log.exception("a request failed with an unexpected error")
        elif isinstance(exc, _APPLICATION_ERRORS):
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            log.error("a request failed: %s", exc)
        else:
            statuses = _STATUS_OF_HEAD if req is None else _STATUS_OF_BODY
            status = statuses.get(type(exc), HTTPStatus.BAD_REQUEST)
            target = f"{req.method} {req.path}: " if req else ""
            address = addr[0] if addr else ""
            log.warning("refused a request of %s with %d: %s%s", address, status, target, exc)
        with suppress(OSError):  # the client is gone
            client.sendall(_response(status))

    def _serve_http(self, listener_name: Any, client: Any, addr: Any) -> Callable[[], None] | None:
        """Serve the requests of a connection.

        Returns the function that serves the WebSocket, if the connection has become one.
        """
        client.settimeout(SEND_TIMEOUT)  # each read has a deadline of its own
        reader = RequestReader(client)
        try:
            self._serve_requests(listener_name, reader, addr)
            reader.linger()
        except _BecameWebSocket as upgraded:
            return upgraded.serve
        except OSError as error:
            self.log.debug("the connection was lost: %s", error)
        return None

    def _serve_requests(self, listener_name: Any, reader: RequestReader, addr: Any) -> None:
        proxied: Any = {}
        for number in count(1):
            if not reader.wait_for_request(self.cfg.keepalive):
                return
            request = None
            try:
                request = reader.read_head(self.cfg, addr, number)
                request.body = io.BytesIO(reader.read_body(request))
                # Only the first request of a connection has a PROXY protocol line before it.
                proxied = request.proxy_protocol_info = request.proxy_protocol_info or proxied
                self.handle_request(listener_name, request, reader.sock, addr)
            except (StopIteration, errors.NoMoreData):  # the client or we end the connection
                return
            except (OSError, _BecameWebSocket):
                raise
            except Exception as error:  # noqa: BLE001
                self.handle_error(request, reader.sock, addr, error)
                return
            if request.should_close():
                return


class _BecameWebSocket(Exception):
    """The request was a handshake, and the application has answered it."""

    def __init__(self, serve: Callable[[], None]) -> None:
        self.serve = serve


def _response(status: HTTPStatus) -> bytes:
    body = json.dumps({"detail": _DETAIL.get(status, status.phrase)}).encode()
    lines = [
        f"HTTP/1.1 {status:d} {status.phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "\r\n",
    ]
    return "\r\n".join(lines).encode() + body
