"""Simulated users of both modes who send messages all the time and check every reply."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
import websocket

from tests.clients import Events, Plain, TornError, begin, history
from tests.standin import reply_to
from tests.system import System

CONNECTION_ERRORS = (OSError, websocket.WebSocketException, requests.RequestException)
WORDS = 12  # per reply; at 25 a second it streams for half a second
MAX_BURST = 3  # messages
USERS = 8  # of `concurrent_users`
BACK_OFF = 0.1  # seconds between two tries to connect or send


def request(user: int, number: int) -> str:
    """Return the text of a message whose reply streams for a while."""
    return f"[[words={WORDS} delay=0.04]] user {user} message {number}"


@dataclass
class Outcome:
    """The result of a run. Each list has one text per broken promise."""

    kills: list[str] = field(default_factory=list)  # the kinds of the killed processes
    changes: list[str] = field(default_factory=list)  # the kinds of requests to change a reply
    replies: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # users that could not continue
    slowest: float = 0.0  # seconds from sending to the whole reply
    reconnects: int = 0  # WebSockets that were opened again
    lock: threading.Lock = field(default_factory=threading.Lock)

    def broken(self) -> list[str]:
        return [*self.lost, *self.duplicated, *self.out_of_order, *self.torn, *self.failed]

    def __str__(self) -> str:
        return (
            f"{len(self.kills)} kills ({_kinds(self.kills)}), {self.replies} replies,"
            f" {len(self.changes)} changes ({_kinds(self.changes)}): {len(self.lost)} lost,"
            f" {len(self.duplicated)} duplicated, {len(self.out_of_order)} out of order,"
            f" {len(self.torn)} torn, {len(self.failed)} users failed;"
            f" the slowest took {self.slowest:.1f} s"
        )


def _kinds(names: list[str]) -> str:
    return ", ".join(f"{names.count(name)} {name}" for name in sorted(set(names)))


class User(threading.Thread):
    """A simulated user who sends one message after the other and checks each reply."""

    def __init__(
        self, number: int, system: System, outcome: Outcome, until: float, seed: int
    ) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.system = system
        self.outcome = outcome
        self.until = until
        self.random = random.Random(f"{seed} {number}")

    def run(self) -> None:
        try:
            self.chat()
        except Exception as error:  # noqa: BLE001 - any error breaks a promise
            self.outcome.failed.append(f"user {self.number}: {error!r}")

    def chat(self) -> None:
        raise NotImplementedError

    def random_url(self) -> str:
        return self.random.choice(self.system.webs).url

    def retried(self, call):
        """Run a request on random web processes until one succeeds; return its result."""
        while True:
            try:
                return call(self.random_url())
            except (*CONNECTION_ERRORS, AssertionError) as error:
                if isinstance(error, TornError):
                    raise
                time.sleep(BACK_OFF)

    def count_reply(self, since: float) -> None:
        with self.outcome.lock:
            self.outcome.replies += 1
            self.outcome.slowest = max(self.outcome.slowest, time.monotonic() - since)

    def count_reconnect(self) -> None:
        with self.outcome.lock:
            self.outcome.reconnects += 1


class EventsUser(User):
    """Sends bursts of messages; reconnects, and sends again what was not acknowledged."""

    def chat(self) -> None:
        self.token = self.retried(begin)
        self.socket: Events | None = None
        self.sent: dict[str, str] = {}  # texts by id
        self.in_order: list[list[str]] = []  # bursts that were acknowledged at the first try
        self.connect()
        while time.monotonic() < self.until:
            burst = {
                str(uuid.uuid4()): request(self.number, len(self.sent) + n)
                for n in range(self.random.randint(1, MAX_BURST))
            }
            self.sent |= burst
            try:
                self.exchange(burst)
            except TornError as torn:
                self.outcome.torn.append(str(torn))
                self.connect()
        self.check()

    def connect(self) -> None:
        def connect(url: str) -> None:
            ws = url.replace("http", "ws") + "/chat"
            if self.socket is None:
                self.socket = Events(ws, self.token)
            else:
                self.socket.reconnect(ws)

        self.retried(connect)

    def exchange(self, burst: dict[str, str]) -> None:
        since, unanswered, undisturbed = time.monotonic(), set(burst), True

        def is_over(frame: dict[str, Any]) -> bool:
            for message_id in [i for i in unanswered if self.ended(i)]:
                unanswered.remove(message_id)
                self.count_reply(since)
            return not unanswered or frame["type"] == "error"

        while unanswered:
            try:
                for message_id, text in burst.items():
                    if message_id not in self.socket.messages:
                        self.socket.say(text, message_id)
                frame = self.socket.until(is_over)
                if frame["type"] == "error":
                    undisturbed = False
                    if frame["code"] != "busy":
                        self.outcome.lost.append(f"{list(burst)}: {frame}")
                        return
                    time.sleep(BACK_OFF)
            except CONNECTION_ERRORS:
                undisturbed = False
                self.count_reconnect()
                self.connect()
                is_over({"type": "history"})
        if undisturbed:
            self.in_order.append(list(burst))

    def ended(self, message_id: str) -> bool:
        reply = self.socket.reply_to(message_id)
        return reply is not None and reply["status"] != "streaming"

    def check(self) -> None:
        """Compare the history with the sent messages and the received replies."""
        messages = self.retried(lambda url: history(url, self.token))
        humans = [m["id"] for m in messages if "reply_to" not in m]
        replies = [m["reply_to"] for m in messages if "reply_to" in m]
        outcome = self.outcome
        outcome.lost += [f"{self.token} {i}" for i in self.sent if i not in replies]
        outcome.duplicated += [f"{self.token} {i}" for i in set(replies) if replies.count(i) > 1]
        ordered = [i for burst in self.in_order for i in burst]
        if [i for i in humans if i in ordered] != ordered or humans != replies:
            outcome.out_of_order.append(self.token)
        for message in messages:
            if "reply_to" in message:
                expected = f"Bot: {reply_to(self.sent[message['reply_to']])}"
                seen = self.socket.messages.get(message["id"])
                if message["msg"] != expected or (seen and "Bot: " + seen["msg"] != expected):
                    outcome.torn.append(f"{message} seen {seen} expected {expected!r}")


class PlainUser(User):
    """Sends one message at a time; after a cut it looks for the reply in the history."""

    def chat(self) -> None:
        token = self.retried(begin)
        texts: list[str] = []
        while time.monotonic() < self.until:
            text = request(self.number, len(texts))
            texts.append(text)
            self.exchange(token, text)
        self.check(token, texts)

    def exchange(self, token: str, text: str) -> None:
        since = time.monotonic()
        ended = False
        while not ended:
            try:
                socket = Plain(self.random_url().replace("http", "ws") + "/chat", token)
                stored, ended = self.find(token, text)
                if not stored:
                    socket.say(text)
                seen: set[str] = set()
                while not ended:
                    reply = socket.reply()
                    if reply.get("error") == "busy":
                        break
                    if reply["id"] in seen:
                        self.outcome.duplicated.append(f"{token} {reply}")
                    seen.add(reply["id"])
                    ended = reply["msg"] == reply_to(text)
                socket.close()
            except (*CONNECTION_ERRORS, ValueError):
                self.count_reconnect()
                time.sleep(BACK_OFF)
        self.count_reply(since)

    def find(self, token: str, text: str) -> tuple[bool, bool]:
        """Return whether the history has the message, and whether the reply is complete."""
        messages = self.retried(lambda url: history(url, token))
        asked = [m["id"] for m in messages if m["msg"] == f"Human: {text}"]
        replies = [m for m in messages if m.get("reply_to") in asked]
        return bool(asked), any(reply["status"] != "streaming" for reply in replies)

    def check(self, token: str, texts: list[str]) -> None:
        messages = self.retried(lambda url: history(url, token))
        expected = [line for text in texts for line in (f"Human: {text}", f"Bot: {reply_to(text)}")]
        stored = [m["msg"] for m in messages]
        if stored != expected:
            self.outcome.torn.append(f"{token}: {stored} expected {expected}")


@contextmanager
def concurrent_users(system: System, users: int = USERS) -> Iterator[Outcome]:
    """Run simulated users during the block; fail afterwards if a promise to one was broken."""
    outcome = Outcome()
    seed = random.getrandbits(32)
    kinds = [EventsUser if number % 3 else PlainUser for number in range(users)]
    everyone = [kind(n, system, outcome, float("inf"), seed) for n, kind in enumerate(kinds)]
    for user in everyone:
        user.start()
    try:
        yield outcome
    finally:
        for user in everyone:
            user.until = 0.0
        for user in everyone:
            user.join(60.0)
            if user.is_alive():
                outcome.lost.append(f"user {user.number} has not ended")
    assert not outcome.broken(), outcome.broken()
    assert outcome.replies
