"""Loops that a process cannot do without."""

import logging
import os
import signal
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


def start_loop(name: str, run: Callable[[], None]) -> None:
    """Run ``run`` in a thread of its own; if it ever ends with an error, so does the process.

    A process that lives on without its relay or its keeper looks well and serves nobody. It is
    asked to end in order (SIGTERM), and whoever watches it starts another.
    """

    def guarded() -> None:
        try:
            run()
        except Exception:
            log.critical("the %s has failed; this process ends", name, exc_info=True)
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=guarded, name=name, daemon=True).start()
