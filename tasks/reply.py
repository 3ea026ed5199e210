"""The Celery task ``tasks.reply``: a wake-up that names a session."""

from __future__ import annotations

from typing import Any

from celery import Task
from celery.worker.request import Request

from chat.log_context import log_context
from tasks.queue_entry import TASK
from tasks.session_processor import SessionProcessor


class _MaskedRequest(Request):  # type: ignore[misc]
    """Shows masked arguments to whoever inspects the worker, such as Flower."""

    def info(self, safe: bool = True) -> Any:
        return super().info(safe=True)


class ReplyTask(Task):  # type: ignore[misc]
    """Answers the messages in a session's mailbox. `tasks.worker` registers it."""

    name = TASK
    Request = _MaskedRequest

    def __init__(self, processor: SessionProcessor) -> None:
        self._processor = processor

    def run(self, token: str) -> None:
        """Answer the messages of the session ``token``, one after the other."""
        with log_context(task_id=self.request.id):
            self._processor.process(token)
