"""The Celery task ``tasks.reply``: a wake-up that names a session."""

from __future__ import annotations

from celery import Task

from chat.log_context import log_context
from tasks.queue_entry import TASK
from tasks.session_processor import SessionProcessor


class ReplyTask(Task):  # type: ignore[misc]
    """Answers the messages in a session's mailbox. `tasks.worker` registers it."""

    name = TASK
    Strategy = "tasks.strategy:reply_strategy"

    def __init__(self, processor: SessionProcessor) -> None:
        self._processor = processor

    def run(self, token: str) -> None:
        """Answer the messages of the session ``token``, one after the other."""
        with log_context(task_id=self.request.id):
            self._processor.process(token)
