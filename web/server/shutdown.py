"""Closes the WebSockets of a process that shuts down, so that clients reconnect to another one."""

from __future__ import annotations

import threading
import time
from typing import Any

from chat.timing import CLOSE_DURATION
from web.subscribers.registry import SubscriberRegistry

_CHECK_INTERVAL = 0.1  # seconds
_REASON = "the process shuts down, reconnect"


def close_websockets_on_shutdown(worker: Any) -> None:
    """Close each WebSocket with 1012 once gunicorn's ``worker`` has got SIGTERM.

    They are closed over `CLOSE_DURATION` seconds: if all clients reconnected at once, they would
    overload the other processes.
    """
    # `web.app.create_app` sets this extension.
    subscribers: SubscriberRegistry = worker.wsgi.extensions["subscribers"]

    def close_websockets() -> None:
        while worker.alive:
            time.sleep(_CHECK_INTERVAL)
        open_at_shutdown = subscribers.all()
        for subscriber in open_at_shutdown:
            subscriber.websocket.close(1012, _REASON)
            time.sleep(CLOSE_DURATION / len(open_at_shutdown))
        while True:  # for those that connected after the shutdown began
            for subscriber in subscribers.all():
                subscriber.websocket.close(1012, _REASON)
            time.sleep(_CHECK_INTERVAL)

    threading.Thread(target=close_websockets, name="shutdown", daemon=True).start()
