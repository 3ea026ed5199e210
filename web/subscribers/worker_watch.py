"""Tells people whose messages wait that no worker is there, and the log too."""

from __future__ import annotations

import json
import logging
import threading
import time
from itertools import islice

import redis

from chat.background import start_background_thread
from chat.channel import Event
from chat.errors import ChatError
from chat.mailbox import Mailbox
from chat.worker_presence import ABSENT_AFTER, Absence, last_seen
from web.subscribers.registry import SubscriberRegistry
from web.subscribers.subscriber import Subscriber

log = logging.getLogger(__name__)

ASK_EVERY = 2.0  # seconds
LOG_EVERY = 60.0  # seconds
# While no worker is there, all sockets are looked at so often: a reply may also lose its worker
# later, when that one has lost Celery's broker before.
LOOK_AGAIN_EVERY = ABSENT_AFTER  # seconds
_AT_ONCE = 200  # sessions asked for in one round trip; some 5 ms of Redis if all of them wait


class WorkerWatch:
    """One thread a process asks when a worker was last seen. Any thread may call it."""

    def __init__(
        self, client: redis.Redis, mailbox: Mailbox, subscribers: SubscriberRegistry
    ) -> None:
        self._client = client
        self._mailbox = mailbox
        self._subscribers = subscribers
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._runs = False
        self._absence = Absence()
        self._absent = False
        self._to_look_at: set[Subscriber] = set()  # bounded by the open sockets
        self._look_again_at = 0.0
        self._log_at = 0.0

    def start(self) -> None:
        """Start the thread, unless it runs already."""
        with self._lock:
            if not self._runs:  # the process's first socket
                self._runs = True
                start_background_thread("worker watch", self._run)

    def look_at(self, subscriber: Subscriber) -> None:
        """Tell a socket, soon, if its session's oldest message waits and no worker is there."""
        if self._absent:
            with self._lock:
                self._to_look_at.add(subscriber)
            self._wake.set()

    def _run(self) -> None:
        ask_at, readable = 0.0, True
        while True:
            self._wake.wait(max(0.0, ask_at - time.monotonic()))
            self._wake.clear()
            try:
                if time.monotonic() >= ask_at:
                    ask_at = time.monotonic() + ASK_EVERY
                    self._ask()
                self._look_at_all()
                readable = True
            except ChatError as error:
                self._absence.unreadable()
                if readable:
                    log.warning("cannot see whether a worker is there: %s", error)
                readable = False

    def _ask(self) -> None:
        age = last_seen(self._client)
        absent = self._absence.read(age)
        if absent is None:
            return
        changed, self._absent = absent != self._absent, absent
        now = time.monotonic()
        if changed or (absent and now >= self._look_again_at):
            self._look_again_at = now + LOOK_AGAIN_EVERY
            with self._lock:
                self._to_look_at.update(self._subscribers.all())
        if absent and now >= self._log_at and (waiting := self._mailbox.sessions_unanswered()):
            self._log_at = now + LOG_EVERY
            log.warning(
                "no worker has been seen %s, and %d sessions wait for a reply: start one with"
                " `celery -A tasks worker`",
                "yet" if age is None else f"for {age:.0f} s",
                waiting,
            )

    def _look_at_all(self) -> None:
        if self._to_look_at and self._absent:
            self._ask()  # a worker may have come since
        while self._to_look_at:
            by_token: dict[str, list[Subscriber]] = {}
            with self._lock:
                batch = list(islice(self._to_look_at, _AT_ONCE))
                self._to_look_at.difference_update(batch)
            for subscriber in batch:
                by_token.setdefault(subscriber.token, []).append(subscriber)
            try:
                found = self._mailbox.unserved(list(by_token))
            except ChatError:
                with self._lock:
                    self._to_look_at.update(batch)
                raise
            for token, message_id, rev in found:
                data = json.dumps({"reply_to": message_id, "no_worker": self._absent}).encode()
                for subscriber in by_token[token]:
                    subscriber.tell(Event(token, "unserved", data, None, rev))
