"""Enqueues tasks in the background, so that no WebSocket waits for Celery's broker."""

from __future__ import annotations

import threading
from itertools import islice

from chat.background import start_background_thread
from chat.message_log import log_step
from tasks.task_queue import TaskQueue

# Sessions whose task is not enqueued yet. Recovery enqueues tasks for those beyond this bound.
MAX_QUEUED = 10_000
# Sessions that are enqueued with one command, some 80 KB.
MAX_AT_ONCE = 100


class Dispatcher:
    """One thread of a process enqueues. Any thread may call `dispatch`.

    A session that is not enqueued yet is enqueued once, however often it is dispatched. Sessions
    that are dispatched while the broker is busy are enqueued with one command.
    """

    def __init__(self, queue: TaskQueue) -> None:
        self._queue = queue
        self._queued: dict[str, str] = {}  # message id by token, in the order of arrival
        self._lock = threading.Lock()
        self._wake_up = threading.Event()
        self._started = False

    def dispatch(self, token: str, message_id: str) -> None:
        """Have a task enqueued for a session, because of a message."""
        with self._lock:
            if len(self._queued) < MAX_QUEUED:
                self._queued.setdefault(token, message_id)
            if not self._started:
                self._started = True
                start_background_thread("dispatcher", self._run)
        self._wake_up.set()

    def _run(self) -> None:
        while True:
            self._wake_up.wait()
            self._wake_up.clear()
            while queued := self._take():
                if self._queue.enqueue(list(queued)):
                    for token, message_id in queued.items():
                        log_step("enqueued", token, message_id)

    def _take(self) -> dict[str, str]:
        with self._lock:
            tokens = list(islice(self._queued, MAX_AT_ONCE))
            return {token: self._queued.pop(token) for token in tokens}
