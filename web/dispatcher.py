"""Enqueues tasks in the background, so that no WebSocket waits for Celery's broker."""

from __future__ import annotations

import threading

from chat.background import start_background_thread
from chat.message_log import log_step
from tasks.enqueue import enqueue_reply

# Sessions whose task is not enqueued yet. Recovery enqueues tasks for those beyond this bound.
MAX_QUEUED = 10_000


class Dispatcher:
    """One thread of a process enqueues over one connection. Any thread may call `dispatch`.

    A session that is not enqueued yet is enqueued once, however often it is dispatched.
    """

    def __init__(self) -> None:
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
            while queued := self._next():
                token, message_id = queued
                enqueue_reply(token)
                log_step("enqueued", token, message_id)

    def _next(self) -> tuple[str, str] | None:
        with self._lock:
            token = next(iter(self._queued), None)
            return (token, self._queued.pop(token)) if token else None
