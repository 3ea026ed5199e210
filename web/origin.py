"""Which web pages may open a WebSocket."""

from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Request

_PORTS = {"http": 80, "https": 443}
_Address = tuple[str | None, int]  # host and port


def host_of(request: Request) -> str:
    """Return a request's ``Host`` without its scheme's own port; '' if there is none.

    Werkzeug 3.1.9 rejects names with an underscore, which container names may have. For such a
    name this returns the header as it is.
    """
    return request.host or request.headers.get("Host", "")


def is_allowed_origin(origin: str | None, host: str, allowed: Collection[str]) -> bool:
    """Whether a page of ``origin`` may open a WebSocket.

    Our own pages may: their host and port equal those of the ``Host`` header. Clients without an
    origin may, since they are not browsers. Other origins, ``null`` among them, must be in
    ``allowed``.
    """
    if origin is None or origin in allowed:
        return True
    addresses = _addresses(origin, host)
    return addresses is not None and addresses[0] == addresses[1]


def differs_in_port(origin: str, host: str) -> bool:
    """Whether ``origin`` has the host of the ``Host`` header but another port."""
    addresses = _addresses(origin, host)
    if addresses is None:
        return False
    page, server = addresses
    return page != server and page[0] == server[0]


def _addresses(origin: str, host: str) -> tuple[_Address, _Address] | None:
    """Return host and port of the page, and those of ``Host``; None if one cannot be parsed."""
    try:
        page = urlsplit(origin)
        # Host does not name the scheme's default port. Behind a proxy, only the page's origin has
        # the scheme that the browser uses.
        server = urlsplit(f"//{host}")
        default = _PORTS.get(page.scheme)
        if default is None:
            return None
        return (page.hostname, page.port or default), (server.hostname, server.port or default)
    except ValueError:
        return None
