"""Says in the log why a WebSocket's handshake was refused, and what to do about it.

A browser tells its page nothing about a refused handshake. Most are refused because a proxy in
front of this process changed the request: that is for its operator to read.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection

from flask import Blueprint, Request, Response, request

from web.log_throttle import Throttle
from web.origin import differs_in_port, host_of, is_welcome

log = logging.getLogger(__name__)
log.addFilter(Throttle())

_TOKEN = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST = 120  # characters of a header that are shown

_HOST_CURE = (
    'Have the proxy pass Host as the browser sent it (nginx: "proxy_set_header Host $http_host;")'
)
_UPGRADE_CURE = (
    'Have it use HTTP/1.1 and pass both headers (nginx: "proxy_http_version 1.1;"'
    ' "proxy_set_header Upgrade $http_upgrade;" "proxy_set_header Connection upgrade;")'
)


def explain_refusals(
    routes: Blueprint, path: str, allowed_origins: Collection[str], token: Callable[[], str]
) -> None:
    """Log each refused handshake of the application, whose WebSocket is at ``path``.

    ``token`` returns the one that the request names, or ''. Each line comes at most once a
    minute. A failure of our own, or of Redis, has its own line.
    """

    @routes.after_app_request
    def explain(response: Response) -> Response:
        if 400 <= response.status_code < 500 and _is_handshake(request, path):
            status = response.status_code
            cause = _cause(request, path, allowed_origins, bool(token()), status)
            log.warning("a WebSocket's handshake was refused (%d): %s", status, cause)
        return response


def _is_handshake(asked: Request, path: str) -> bool:
    """Tell whether a request is a handshake, or looks like what a proxy left of one."""
    headers = asked.headers
    return (
        "websocket" in headers.get("Upgrade", "").lower()
        or headers.get("Sec-Fetch-Mode") == "websocket"
        or any(name.startswith("Sec-Websocket-") for name in headers.keys())  # noqa: SIM118
        or (asked.path == path and ("Origin" in headers or "token" in asked.args))
    )


def _cause(
    asked: Request, path: str, allowed: Collection[str], names_session: bool, status: int
) -> str:
    headers = asked.headers
    if asked.path != path:
        return (
            f"it asks for {_shown(asked.path)}, and the WebSocket is at {path}. If a proxy changes"
            ' the path, have it pass it on as it is (nginx: "proxy_pass http://HOST:PORT;" without'
            " a slash at its end)."
        )
    if asked.method != "GET":
        return f"its method is {_shown(asked.method)}, and must be GET."
    if headers.get("Upgrade", "").lower() != "websocket":
        return f'a proxy took its "Upgrade: websocket" line away. {_UPGRADE_CURE}.'
    if "upgrade" not in headers.get("Connection", "").lower():
        return (
            'a proxy took its "Connection: Upgrade" line away: Connection is'
            f" {_shown(headers.get('Subscriber'))}. {_UPGRADE_CURE}."
        )
    wanted = ("Sec-WebSocket-Key", "Sec-WebSocket-Version")
    missing = [name for name in wanted if name not in headers]
    if missing:
        return f"it has no {' and no '.join(missing)}. A proxy must pass all Sec-WebSocket- lines."
    origin, host = headers.get("Origin"), host_of(asked)
    if not is_welcome(origin, host, allowed):
        return _foreign(origin or "", host, headers.get("X-Forwarded-Host"))
    if status == 403 and not names_session:
        return (
            "it names no session. The token comes in Sec-WebSocket-Protocol or in the query: a"
            " proxy must pass both on."
        )
    if status == 403:
        return "its session is not in Redis: it has expired, was erased, or never was."
    if status == 426:
        version = headers.get("Sec-WebSocket-Version")
        return f"its Sec-WebSocket-Version is {_shown(version)}, and must be 13."
    return "it cannot be read as a handshake."


def _foreign(origin: str, host: str, forwarded: str | None) -> str:
    page = f"the page is of {_shown(origin)}, and the request's Host is {_shown(host)}"
    if differs_in_port(origin, host):
        return f"{page}, with another port. {_HOST_CURE}, or name the page in ALLOWED_ORIGINS."
    if forwarded and is_welcome(origin, forwarded, ()):
        page += ", though X-Forwarded-Host has the page's own"
    return (
        f"{page}. If both are yours: {_HOST_CURE[0].lower()}{_HOST_CURE[1:]}, or name the page in"
        " ALLOWED_ORIGINS. If the page is not yours, it has no business here."
    )


def _shown(value: str | None) -> str:
    """Return a client's text as it may stand in a log: short, in one line, without a token."""
    if value is None:
        return "missing"
    masked = _TOKEN.sub("***", value)
    return ascii(masked if len(masked) <= _LONGEST else f"{masked[:_LONGEST]}...")
