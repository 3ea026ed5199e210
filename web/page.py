"""The chat page."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

_BUILD = Path(__file__).parent / "static"

# The page loads nothing from another host and runs no script but its own files.
_POLICY = (
    "default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; object-src 'none';"
    " base-uri 'none'; frame-ancestors 'none'"
)


def page() -> Blueprint:
    """Return the routes of the page; each chat has an address of its own in it."""
    routes = Blueprint("page", __name__)

    @routes.get("/")
    @routes.get("/chat/<chat_id>")
    def show(chat_id: str = "") -> Response:
        response = send_from_directory(_BUILD, "index.html")
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return routes
