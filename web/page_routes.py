"""The chat page and the files of its build, compressed."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request, send_from_directory

_BUILD = Path(__file__).parent / "static"

# The page loads only its own files and connects only to its own host. No inline script runs.
_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
# A file whose name contains the hash of its content never changes.
_HASHED = re.compile(r"-[\w-]{8}\.(js|css)$")
_ONE_YEAR = 365 * 24 * 3600  # seconds


def page_blueprint() -> Blueprint:
    """Return the routes of the page. Each chat has its own URL, with the same page."""
    routes = Blueprint("page", __name__)

    @routes.get("/")
    @routes.get("/chat/<chat_id>")
    def show(chat_id: str = "") -> Response:
        response = _send("index.html")
        response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @routes.get("/static/<name>")
    def file(name: str) -> Response:
        return _send(name)

    return routes


def _send(name: str) -> Response:
    """Return a file of the build, compressed if the client accepts gzip."""
    hashed = _HASHED.search(name)
    response = send_from_directory(_BUILD, name, max_age=_ONE_YEAR if hashed else None)
    response.cache_control.immutable = bool(hashed)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.vary.add("Accept-Encoding")
    etag, _ = response.get_etag()
    if response.status_code == 200 and request.accept_encodings["gzip"] and etag:
        response.direct_passthrough = False
        response.set_data(_compressed(name))
        response.content_encoding = "gzip"
        response.set_etag(etag, weak=True)  # the same content, not the same bytes
    return response


@cache  # bounded by the number of files: other names got 404 before
def _compressed(name: str) -> bytes:
    return gzip.compress((_BUILD / name).read_bytes())
