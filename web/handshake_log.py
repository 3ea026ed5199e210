"""Logs why a WebSocket's handshake was refused, and what the operator can do about it.

A browser does not let its page know why a handshake was refused. The usual cause is a proxy in
front of this process that changed the request, which only its operator can correct.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection

from flask import Blueprint, Request, Response, request

from web.log_throttle import LogThrottle
from web.origin import differs_in_port, host_of, is_allowed_origin

log = logging.getLogger(__name__)
log.addFilter(LogThrottle())

_TOKEN = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MAX_VALUE_LENGTH = 120  # characters of a header that are logged

_HOST_FIX = (
    "Configure the proxy to forward Host as the browser sent it"
    ' (nginx: "proxy_set_header Host $http_host;")'
)
_UPGRADE_FIX = (
    'Configure it to use HTTP/1.1 and to forward both headers (nginx: "proxy_http_version 1.1;"'
    ' "proxy_set_header Upgrade $http_upgrade;" "proxy_set_header Connection upgrade;")'
)


def explain_refusals(
    routes: Blueprint, path: str, allowed_origins: Collection[str], token: Callable[[], str]
) -> None:
    """Log each handshake that the application refuses with a 4xx status.

    ``path`` is the path of the WebSocket. ``allowed_origins`` are those that may open one besides
    our own. ``token`` returns the token of the current request, or ''. Each line is logged at most
    once a minute.
    """

    @routes.after_app_request
    def explain(response: Response) -> Response:
        if 400 <= response.status_code < 500 and _is_handshake(request, path):
            status = response.status_code
            cause = _cause(request, path, allowed_origins, bool(token()), status)
            log.warning("a WebSocket's handshake was refused (%d): %s", status, cause)
        return response


def _is_handshake(request: Request, path: str) -> bool:
    """Whether a request is a handshake, or may have been one before a proxy changed it."""
    headers = request.headers
    return (
        "websocket" in headers.get("Upgrade", "").lower()
        or headers.get("Sec-Fetch-Mode") == "websocket"
        or any(name.startswith("Sec-Websocket-") for name in headers.keys())  # noqa: SIM118
        or (request.path == path and ("Origin" in headers or "token" in request.args))
    )


def _cause(
    request: Request, path: str, allowed: Collection[str], has_token: bool, status: int
) -> str:
    headers = request.headers
    if request.path != path:
        return (
            f"its path is {_printable(request.path)}, but the WebSocket is at {path}. If a proxy"
            " changes the path, configure it to forward the path unchanged"
            ' (nginx: "proxy_pass http://HOST:PORT;", without a slash at its end).'
        )
    if request.method != "GET":
        return f"its method is {_printable(request.method)}, but must be GET."
    if headers.get("Upgrade", "").lower() != "websocket":
        return f'a proxy has removed its header "Upgrade: websocket". {_UPGRADE_FIX}.'
    if "upgrade" not in headers.get("Connection", "").lower():
        return (
            'a proxy has removed its header "Connection: Upgrade": Connection is'
            f" {_printable(headers.get('Connection'))}. {_UPGRADE_FIX}."
        )
    required = ("Sec-WebSocket-Key", "Sec-WebSocket-Version")
    missing = [name for name in required if name not in headers]
    if missing:
        names = " and no ".join(missing)
        return f"it has no {names}. A proxy must forward all Sec-WebSocket- headers."
    origin, host = headers.get("Origin"), host_of(request)
    if not is_allowed_origin(origin, host, allowed):
        return _origin_cause(origin or "", host, headers.get("X-Forwarded-Host"))
    if status == 403 and not has_token:
        return (
            "it has no token. The token comes in Sec-WebSocket-Protocol or in the query: a proxy"
            " must forward both."
        )
    if status == 403:
        return "its session is not in Redis: it has expired, was erased, or never existed."
    if status == 426:
        version = headers.get("Sec-WebSocket-Version")
        return f"its Sec-WebSocket-Version is {_printable(version)}, but must be 13."
    return "it is not a valid handshake."


def _origin_cause(origin: str, host: str, forwarded: str | None) -> str:
    page = f"the page is of {_printable(origin)}, and the request's Host is {_printable(host)}"
    if differs_in_port(origin, host):
        return (
            f"{page}, with another port. {_HOST_FIX}, or add the page's origin to ALLOWED_ORIGINS."
        )
    if forwarded and is_allowed_origin(origin, forwarded, ()):
        page += ", but X-Forwarded-Host is the page's host"
    return (
        f"{page}. If the page is yours: {_HOST_FIX[0].lower()}{_HOST_FIX[1:]}, or add its origin to"
        " ALLOWED_ORIGINS. If it is not, the refusal is correct."
    )


def _printable(value: str | None) -> str:
    """Return a client's text as it may be logged: short, on one line, without a token."""
    if value is None:
        return "missing"
    masked = _TOKEN.sub("***", value)
    return ascii(masked if len(masked) <= _MAX_VALUE_LENGTH else f"{masked[:_MAX_VALUE_LENGTH]}...")
