"""Enqueues the task that makes a worker look into a session's mailbox."""

from __future__ import annotations

import logging
import threading

from kombu.exceptions import OperationalError

from chat.outage import Outage
from tasks.celery import app
from tasks.queue_entry import MASKED_ARGS, TASK

log = logging.getLogger(__name__)

# Celery uses a connection for each thread that enqueues, and a Redis plan has few to give.
_one_at_a_time = threading.Lock()
_LOCK_TIMEOUT = 2.0  # seconds

_outage = Outage(log, "tasks cannot be enqueued, recovery will do it")


def enqueue_reply(token: str) -> None:
    """Enqueue the task for a session.

    A task that cannot be enqueued costs time, nothing else: the mailbox says that the session is
    queued, and recovery enqueues another task.
    """
    if not _one_at_a_time.acquire(timeout=_LOCK_TIMEOUT):
        _outage.failed(TimeoutError("the broker is slow"))
        return
    try:
        app.send_task(TASK, (token,), argsrepr=MASKED_ARGS)
        _outage.worked()
    except OperationalError as error:
        _outage.failed(error)
    finally:
        _one_at_a_time.release()
