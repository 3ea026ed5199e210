"""Threads without which a process cannot do its work."""

import logging
import os
import signal
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


def start_background_thread(name: str, run: Callable[[], None]) -> None:
    """Run ``run`` in a daemon thread; end the process if ``run`` raises.

    A process without its relay or its delta writer looks healthy and serves nobody. The process
    gets SIGTERM, so that it ends in order and its supervisor starts another one.
    """

    def guarded() -> None:
        try:
            run()
        except Exception:
            log.critical("the thread %s has failed; this process ends", name, exc_info=True)
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=guarded, name=name, daemon=True).start()
