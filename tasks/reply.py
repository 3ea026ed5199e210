"""The Celery task ``tasks.reply``: a wake-up that names a session."""

from __future__ import annotations

from celery import Task

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
        self._processor.process(token)
