"""Sends the sockets of a process that is going to another one."""

from __future__ import annotations

import threading
import time
from typing import Any

from web.connections import Connections

# All clients that come back in one moment would be a storm for the processes that stay.
SPREAD = 4.0  # seconds
_LOOK_EVERY = 0.1  # seconds


def close_sockets_when_leaving(worker: Any) -> None:
    """Close each socket with 1012 once gunicorn's ``worker`` has got its SIGTERM."""
    connections: Connections = worker.wsgi.extensions["connections"]

    def watch() -> None:
        while worker.alive:
            time.sleep(_LOOK_EVERY)
        leaving = connections.all()
        for connection in leaving:
            connection.link.close(1012, "the process is going, come back")
            time.sleep(SPREAD / len(leaving))
        while True:  # those that came while the process could still be reached
            for connection in connections.all():
                connection.link.close(1012, "the process is going, come back")
            time.sleep(_LOOK_EVERY)

    threading.Thread(target=watch, name="drain", daemon=True).start()
