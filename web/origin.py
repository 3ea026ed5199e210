"""Which web pages may open a socket."""

from collections.abc import Collection
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def is_welcome(origin: str | None, host: str, allowed: Collection[str]) -> bool:
    """Tell whether a handshake may come from ``origin``.

    The page's own origin is the one whose host and port equal the ``Host`` header; a client
    without an origin is no browser. ``null`` and all others are foreign unless ``allowed``.
    """
    if origin is None or origin in allowed:
        return True
    try:
        page = urlsplit(origin)
        # Host leaves out the scheme's own port, and behind a proxy only the page knows the scheme.
        own = urlsplit(f"//{host}")
        default = _PORTS.get(page.scheme)
        return (
            default is not None
            and page.hostname == own.hostname
            and (page.port or default) == (own.port or default)
        )
    except ValueError:
        return False
