"""The task, and how to ring for it."""

import logging
import threading
from typing import Any

from celery import Task
from celery.worker.request import Request
from kombu.exceptions import OperationalError

from chat.outage import Outage
from tasks.celery import app
from tasks.entry import MASKED_ARGS, TASK

log = logging.getLogger(__name__)

# Celery takes a connection for each thread that rings, and Redis has not many to give.
_one_at_a_time = threading.Lock()
_TURN_WITHIN = 2.0  # seconds

_outage = Outage(log, "no rings, the sweeper makes up for them")


class _MaskedRequest(Request):  # type: ignore[misc]
    """A request that shows its masked arguments to whoever inspects the worker, Flower say."""

    def info(self, safe: bool = True) -> Any:
        return super().info(safe=True)


class _ReplyTask(Task):  # type: ignore[misc]
    Request = _MaskedRequest


@app.task(name=TASK, base=_ReplyTask, bind=True)  # type: ignore[untyped-decorator]
def reply(self: Task, token: str) -> None:
    """Answer what waits in a session's mailbox, one message after the other."""
    self.app.answerer.answer(token)


def ring(token: str) -> None:
    """Call a worker to a session.

    A ring that cannot be made is no loss but of time: the mailbox says that the session waits,
    and a sweeper rings for it.
    """
    if not _one_at_a_time.acquire(timeout=_TURN_WITHIN):
        _outage.failed(TimeoutError("the broker is slow"))
        return
    try:
        reply.apply_async((token,), argsrepr=MASKED_ARGS)
        _outage.worked()
    except OperationalError as error:
        _outage.failed(error)
    finally:
        _one_at_a_time.release()
