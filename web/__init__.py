"""The web process: HTTP and WebSockets in, rings out, replies relayed to their sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> Flask:
    """Return the application.

    It is imported only now: gunicorn loads its worker class from this package before gevent has
    patched what the application imports.
    """
    from web import app

    return app.create_app()
