"""How a worker handles a message that calls ``tasks.reply``; Celery calls this a strategy.

Celery's own one runs a task inside a tracer, which handles results, callbacks, chains, retries and
signals: some 80 µs for a task that does nothing. None of that is used here. Celery's rate limits of
tasks do not apply.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

from billiard.einfo import ExceptionInfo
from celery import Task
from celery.exceptions import TaskRevokedError
from celery.worker.request import Request
from celery.worker.state import task_reserved

from chat.log_context import log_context

log = logging.getLogger(__name__)

Handler = Callable[..., None]


class ReplyRequest(Request):  # type: ignore[misc]
    """One call of the task, as the worker, its events and remote control see it."""

    def info(self, safe: bool = True) -> Any:
        """Show masked arguments to whoever inspects the worker, such as Flower."""
        return super().info(safe=True)

    def execute_using_pool(self, pool: Any, **_: Any) -> Any:
        """Run the task in the pool.

        Raises:
            TaskRevokedError: The task was revoked.
        """
        if self.revoked():
            raise TaskRevokedError(self.id)
        result = pool.apply_async(
            _run,
            args=(self.task, self.id, self.args),
            accept_callback=self.on_accepted,
            callback=self.on_success,
        )
        self._apply_result = ref(result)
        return result


def _run(task: Task, task_id: str, args: Sequence[Any]) -> tuple[bool, Any, float]:
    """Run the task. Returns what `Request.on_success` takes."""
    began = time.monotonic()
    try:
        with log_context(task_id=task_id):
            task.run(*args)
    except Exception:
        log.exception("a task has failed")
        return True, ExceptionInfo(), time.monotonic() - began
    return False, None, time.monotonic() - began


def reply_strategy(task: Task, app: Any, consumer: Any, **_: Any) -> Handler:
    """Return the function that handles a message."""
    eventer = consumer.event_dispatcher

    def handle(
        message: Any, body: Any, ack: Any, reject: Any, callbacks: Sequence[Callable[..., Any]]
    ) -> None:
        request = ReplyRequest(
            message,
            on_ack=ack,
            on_reject=reject,
            app=app,
            hostname=consumer.hostname,
            eventer=eventer,
            task=task,
            connection_errors=consumer.connection_errors,
            body=json.loads(message.body),  # tasks/queue_entry.py has written it
            headers=message.headers,
            decoded=True,
        )
        if request.revoked():
            return
        request.send_event(
            "task-received",
            name=request.name,
            args=request.argsrepr,
            kwargs=request.kwargsrepr,
            root_id=request.root_id,
            parent_id=request.parent_id,
            retries=0,
            eta=None,
            expires=None,
        )
        task_reserved(request)
        for callback in callbacks:
            callback(request)
        consumer.on_task_request(request)

    return handle
