"""The name of this process in logs and metrics."""

import os
import socket

_MACHINE = os.environ.get("DYNO") or socket.gethostname()  # Heroku names a dyno like "web.1"


def process_name() -> str:
    """Return the machine's name and the process id, such as ``web.1:23``."""
    return f"{_MACHINE}:{os.getpid()}"
