"""Sends the sockets of a process that is going to another one."""

from __future__ import annotations

import threading
import time
from typing import Any

from chat.timing import DRAIN_DURATION
from web.subscribers.registry import SubscriberRegistry

# All clients that come back in one moment would be a storm for the processes that stay.
_LOOK_EVERY = 0.1  # seconds


def close_sockets_when_leaving(worker: Any) -> None:
    """Close each socket with 1012 once gunicorn's ``worker`` has got its SIGTERM."""
    subscribers: SubscriberRegistry = worker.wsgi.extensions["connections"]

    def watch() -> None:
        while worker.alive:
            time.sleep(_LOOK_EVERY)
        leaving = subscribers.all()
        for subscriber in leaving:
            subscriber.websocket.close(1012, "the process is going, come back")
            time.sleep(DRAIN_DURATION / len(leaving))
        while True:  # those that came while the process could still be reached
            for subscriber in subscribers.all():
                subscriber.websocket.close(1012, "the process is going, come back")
            time.sleep(_LOOK_EVERY)

    threading.Thread(target=watch, name="drain", daemon=True).start()
