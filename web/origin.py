"""Which web pages may open a socket."""

from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Request

_PORTS = {"http": 80, "https": 443}


def host_of(asked: Request) -> str:
    """Return a request's ``Host`` without its scheme's own port; '' if there is none.

    Werkzeug 3.1 takes a name with an underscore, such as a container's, for none.
    """
    return asked.host or asked.headers.get("Host", "")


def is_welcome(origin: str | None, host: str, allowed: Collection[str]) -> bool:
    """Tell whether a handshake may come from ``origin``.

    The page's own origin is the one whose host and port equal the ``Host`` header; a client
    without an origin is no browser. ``null`` and all others are foreign unless ``allowed``.
    """
    if origin is None or origin in allowed:
        return True
    own = _places(origin, host)
    return own is not None and own[0] == own[1]


def differs_in_port(origin: str, host: str) -> bool:
    """Tell whether a page's ``origin`` names the host of the ``Host`` header, and another port."""
    places = _places(origin, host)
    return places is not None and places[0] != places[1] and places[0][0] == places[1][0]


def _places(origin: str, host: str) -> tuple[tuple[str | None, int], tuple[str | None, int]] | None:
    """Return the page's host and port, and those of ``Host``; None if one cannot be read."""
    try:
        page = urlsplit(origin)
        # Host leaves out the scheme's own port, and behind a proxy only the page knows the scheme.
        own = urlsplit(f"//{host}")
        default = _PORTS.get(page.scheme)
        if default is None:
            return None
        return (page.hostname, page.port or default), (own.hostname, own.port or default)
    except ValueError:
        return None
