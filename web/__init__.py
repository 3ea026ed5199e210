"""The web process: serves HTTP and WebSockets, enqueues tasks, and relays events to clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> Flask:
    """Return the application.

    It is imported here and not above: gunicorn loads its worker class from this package, before
    gevent has patched the modules that the application imports.
    """
    from web import app

    return app.create_app()
