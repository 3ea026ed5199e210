"""gunicorn's gevent worker, with bounds on what a client may send and JSON for what it may not.

gunicorn's own (27.0.1) reads without bounds (see `web.server.request_reader`) and answers in HTML.
gunicorn loads this module before gevent has patched anything, so it imports nothing but the two.
HTTP/2 is left out. TLS ends at a proxy in front.
"""

from __future__ import annotations

import io
import json
import logging
from contextlib import suppress
from http import HTTPStatus
from itertools import count
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.http.message import Request
from gunicorn.workers.ggevent import GeventWorker

from web.server.request_limits import MAX_BODY_BYTES, SEND_WITHIN
from web.server.request_reader import RequestReader, TooLarge, TooSlow

log = logging.getLogger("gunicorn.error")

_OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
_STATUS = {  # of a refused head; any other error of the client's is 400
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    TooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.ForbiddenProxyRequest: HTTPStatus.FORBIDDEN,
}
_STATUS_OF_A_BODY = {
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
        """Serve one connection to its end."""
        client.settimeout(SEND_WITHIN)  # reads have deadlines of their own
        reader = RequestReader(client)
        try:
            self._serve(listener.getsockname(), reader, addr)
            reader.linger()
        except OSError as error:
            self.log.debug("the connection was lost: %s", error)
        finally:
            util.close(client)

    def handle_error(self, req: Request | None, client: Any, addr: Any, exc: Exception) -> None:
        """Answer with JSON, and log one line if it is the client's error."""
        if not isinstance(exc, errors.ParseException):
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            log.exception("a request failed by our own fault")
        elif isinstance(exc, _OURS):
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            log.error("a request failed: %s", exc)
        else:
            statuses = _STATUS if req is None else _STATUS_OF_A_BODY
            status = statuses.get(type(exc), HTTPStatus.BAD_REQUEST)
            asked = f"{req.method} {req.path}: " if req else ""
            address = addr[0] if addr else ""
            log.warning("refused a request of %s with %d: %s%s", address, status, asked, exc)
        with suppress(OSError):  # the client is gone
            client.sendall(_answer(status))

    def _serve(self, listener_name: Any, reader: RequestReader, addr: Any) -> None:
        proxied: Any = {}
        for number in count(1):
            if not reader.wait(self.cfg.keepalive):
                return
            request = None
            try:
                request = reader.head(self.cfg, addr, number)
                request.body = io.BytesIO(reader.body(request))
                # Only the first request of a connection has a PROXY line before it.
                proxied = request.proxy_protocol_info = request.proxy_protocol_info or proxied
                self.handle_request(listener_name, request, reader.sock, addr)
            except (StopIteration, errors.NoMoreData):  # the client's end, or ours
                return
            except OSError:
                raise
            except Exception as error:  # noqa: BLE001
                self.handle_error(request, reader.sock, addr, error)
                return
            if request.should_close():
                return


def _answer(status: HTTPStatus) -> bytes:
    body = json.dumps({"detail": _DETAIL.get(status, status.phrase)}).encode()
    lines = [
        f"HTTP/1.1 {status:d} {status.phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "\r\n",
    ]
    return "\r\n".join(lines).encode() + body
