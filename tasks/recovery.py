"""Enqueues tasks for sessions whose worker died or whose task was lost."""

from __future__ import annotations

import logging
import time

from chat.errors import ChatError
from chat.mailbox import Mailbox
from chat.message_log import log_session
from chat.outage import Outage
from chat.timing import RECOVERY_INTERVAL
from tasks.task_queue import TaskQueue

log = logging.getLogger(__name__)


class Recovery:
    """One thread of a worker. A lock in Redis lets one worker recover at a time."""

    def __init__(self, mailbox: Mailbox, queue: TaskQueue, *, max_sessions: int) -> None:
        """``max_sessions`` are recovered in one run: those that a worker could answer at once."""
        self._mailbox = mailbox
        self._queue = queue
        self._max_sessions = max_sessions

    def run(self) -> None:
        """Recover sessions forever."""
        outage = Outage(log, "sessions cannot be recovered")
        while True:
            time.sleep(RECOVERY_INTERVAL)
            try:
                self.recover()
                outage.worked()
            except ChatError as error:
                outage.failed(error)  # the next try comes after RECOVERY_INTERVAL

    def recover(self) -> None:
        """Enqueue a task for each session to recover; the next run finds those beyond the bound."""
        tokens = self._mailbox.recover(self._queue.length(), self._max_sessions)
        if tokens and self._queue.enqueue(tokens):
            for token in tokens:
                log_session("recovered", token)
