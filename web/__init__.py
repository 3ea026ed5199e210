"""The web process: HTTP and WebSockets in, rings out, replies relayed to their sockets."""

from web.app import create_app

__all__ = ["create_app"]
