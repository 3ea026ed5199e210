"""While no worker is running, tells clients with unanswered messages so, and logs a warning."""

from __future__ import annotations

import json
import logging
import threading
import time
from itertools import islice

import redis

from chat.background import start_background_thread
from chat.channel import SessionEvent
from chat.errors import ChatError
from chat.mailbox import Mailbox
from chat.worker_heartbeat import ABSENT_AFTER, Absence, heartbeat_age
from web.subscribers.registry import SubscriberRegistry
from web.subscribers.subscriber import Subscriber

log = logging.getLogger(__name__)

POLL_INTERVAL = 2.0  # seconds
LOG_INTERVAL = 60.0  # seconds
# While no worker is there, all subscribers are checked again after this time: a worker that has
# lost Celery's broker, and so counts as absent, may die later and leave a reply unfinished.
RECHECK_INTERVAL = ABSENT_AFTER  # seconds
_MAX_BATCH = 200  # sessions in one round trip; up to 5 ms of Redis' time


class AbsenceNotifier:
    """One thread of a process reads the workers' heartbeat. Any thread may call the methods."""

    def __init__(
        self, client: redis.Redis, mailbox: Mailbox, subscribers: SubscriberRegistry
    ) -> None:
        self._client = client
        self._mailbox = mailbox
        self._subscribers = subscribers
        self._lock = threading.Lock()
        self._wake_up = threading.Event()
        self._started = False
        self._absence = Absence()
        self._absent = False
        self._to_check: set[Subscriber] = set()  # bounded by the number of open WebSockets
        self._recheck_at = 0.0
        self._log_at = 0.0

    def start(self) -> None:
        """Start the thread, unless it runs already."""
        with self._lock:
            if not self._started:
                self._started = True
                start_background_thread("absence notifier", self._run)

    def check(self, subscriber: Subscriber) -> None:
        """If no worker is there, check soon whether the session has an unanswered message.

        If it has one, an ``unserved`` event is delivered to the subscriber. Returns at once.
        """
        if self._absent:
            with self._lock:
                self._to_check.add(subscriber)
            self._wake_up.set()

    def _run(self) -> None:
        poll_at, readable = 0.0, True
        while True:
            self._wake_up.wait(max(0.0, poll_at - time.monotonic()))
            self._wake_up.clear()
            try:
                if time.monotonic() >= poll_at:
                    poll_at = time.monotonic() + POLL_INTERVAL
                    self._poll()
                self._check_subscribers()
                readable = True
            except ChatError as error:
                self._absence.unreadable()
                if readable:
                    log.warning("cannot see whether a worker is there: %s", error)
                readable = False

    def _poll(self) -> None:
        age = heartbeat_age(self._client)
        absent = self._absence.read(age)
        if absent is None:
            return
        changed, self._absent = absent != self._absent, absent
        now = time.monotonic()
        if changed or (absent and now >= self._recheck_at):
            self._recheck_at = now + RECHECK_INTERVAL
            with self._lock:
                self._to_check.update(self._subscribers.all())
        if absent and now >= self._log_at and (waiting := self._mailbox.sessions_unanswered()):
            self._log_at = now + LOG_INTERVAL
            log.warning(
                "no worker has been seen %s, and %d sessions wait for a reply: start one with"
                " `celery -A tasks worker`",
                "yet" if age is None else f"for {age:.0f} s",
                waiting,
            )

    def _check_subscribers(self) -> None:
        if self._to_check and self._absent:
            self._poll()  # a worker may have started since the last poll
        while self._to_check:
            with self._lock:
                batch = list(islice(self._to_check, _MAX_BATCH))
                self._to_check.difference_update(batch)
            try:
                self._deliver_unserved(batch)
            except ChatError:
                with self._lock:
                    self._to_check.update(batch)
                raise

    def _deliver_unserved(self, batch: list[Subscriber]) -> None:
        by_token: dict[str, list[Subscriber]] = {}
        for subscriber in batch:
            by_token.setdefault(subscriber.token, []).append(subscriber)
        for token, message_id, rev in self._mailbox.unserved(list(by_token)):
            data = json.dumps({"reply_to": message_id, "no_worker": self._absent}).encode()
            for subscriber in by_token[token]:
                # If the session has changed since this revision, the notice is out of date.
                subscriber.deliver(SessionEvent(token, "unserved", data, None, None, last_rev=rev))
