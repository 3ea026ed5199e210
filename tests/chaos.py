"""Kills web, worker and Redis processes at random under users of both modes, and counts.

`python -m tests.chaos --seconds 60 --seed 1` on this machine's own processes. A checker compares
what every client saw with what it sent and with the history. It prints kills, replies, lost,
twice, out of order, torn texts and the slowest reply; exit code 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import websocket

from tests.clients import Events, Plain, TornError, begin, history
from tests.standin import reply_to
from tests.system import System

CUT = (OSError, websocket.WebSocketException, requests.RequestException)
WORDS = 12  # of a reply: at 25 a second it streams for half a second
MOST_AT_ONCE = 3  # messages
BACK_OFF = 0.1  # seconds between a client's tries to come back


def request(user: int, number: int) -> str:
    """Return the text of a message; it asks the stand-in for a reply that streams."""
    return f"[[words={WORDS} delay=0.04]] user {user} message {number}"


@dataclass
class Count:
    """What came of the run. Texts in the lists say what went wrong."""

    kills: list[str] = field(default_factory=list)
    replies: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # users that could not go on
    slowest: float = 0.0  # seconds from sending to the whole reply
    lock: threading.Lock = field(default_factory=threading.Lock)

    def broken(self) -> list[str]:
        return [*self.lost, *self.twice, *self.disorder, *self.torn, *self.failed]

    def __str__(self) -> str:
        kinds = ", ".join(f"{self.kills.count(kind)} {kind}" for kind in sorted(set(self.kills)))
        return (
            f"{len(self.kills)} kills ({kinds}), {self.replies} replies: {len(self.lost)} lost,"
            f" {len(self.twice)} twice, {len(self.disorder)} out of order, {len(self.torn)} torn,"
            f" {len(self.failed)} users failed; the slowest took {self.slowest:.1f} s"
        )


class User(threading.Thread):
    """Somebody who says one thing after the other and wants an answer to each."""

    def __init__(self, number: int, system: System, count: Count, until: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.system = system
        self.count = count
        self.until = until
        self.random = random.Random(f"{seed} {number}")

    def run(self) -> None:
        try:
            self.live()
        except Exception as error:  # noqa: BLE001 - whatever it is, it broke a promise
            self.count.failed.append(f"user {self.number}: {error!r}")

    def live(self) -> None:
        raise NotImplementedError

    def anywhere(self) -> str:
        return self.random.choice(self.system.webs).url

    def insist(self, step):
        """Do a step, on any web process, until it goes through."""
        while True:
            try:
                return step(self.anywhere())
            except (*CUT, AssertionError) as error:
                if isinstance(error, TornError):
                    raise
                time.sleep(BACK_OFF)

    def answered(self, since: float) -> None:
        with self.count.lock:
            self.count.replies += 1
            self.count.slowest = max(self.count.slowest, time.monotonic() - since)


class EventsUser(User):
    """Says some things at once, comes back after each cut, and sends again what was not taken."""

    def live(self) -> None:
        self.token = self.insist(begin)
        self.socket: Events | None = None
        self.sent: dict[str, str] = {}  # texts by id
        self.in_order: list[list[str]] = []  # what was sent at once and taken at the first try
        self.connect()
        while time.monotonic() < self.until:
            burst = {
                str(uuid.uuid4()): request(self.number, len(self.sent) + n)
                for n in range(self.random.randint(1, MOST_AT_ONCE))
            }
            self.sent |= burst
            try:
                self.converse(burst)
            except TornError as torn:
                self.count.torn.append(str(torn))
                self.connect()
        self.check()

    def connect(self) -> None:
        def connect(url: str) -> None:
            ws = url.replace("http", "ws") + "/chat"
            if self.socket is None:
                self.socket = Events(ws, self.token)
            else:
                self.socket.reconnect(ws)

        self.insist(connect)

    def converse(self, burst: dict[str, str]) -> None:
        since, waiting, calm = time.monotonic(), set(burst), True

        def over(frame: dict[str, Any]) -> bool:
            for message_id in [i for i in waiting if self.ended(i)]:
                waiting.remove(message_id)
                self.answered(since)
            return not waiting or frame["type"] == "error"

        while waiting:
            try:
                for message_id, text in burst.items():
                    if message_id not in self.socket.messages:
                        self.socket.say(text, message_id)
                frame = self.socket.until(over)
                if frame["type"] == "error":
                    calm = False
                    if frame["code"] != "busy":
                        self.count.lost.append(f"{list(burst)}: {frame}")
                        return
                    time.sleep(BACK_OFF)
            except CUT:
                calm = False
                self.connect()
                over({"type": "history"})
        if calm:
            self.in_order.append(list(burst))

    def ended(self, message_id: str) -> bool:
        reply = self.socket.reply_to(message_id)
        return reply is not None and reply["status"] != "streaming"

    def check(self) -> None:
        """Compare what was sent with the history, and what was seen with it."""
        messages = self.insist(lambda url: history(url, self.token))
        humans = [m["id"] for m in messages if "reply_to" not in m]
        replies = [m["reply_to"] for m in messages if "reply_to" in m]
        count = self.count
        count.lost += [f"{self.token} {i}" for i in self.sent if i not in replies]
        count.twice += [f"{self.token} {i}" for i in set(replies) if replies.count(i) > 1]
        ordered = [i for burst in self.in_order for i in burst]
        if [i for i in humans if i in ordered] != ordered or humans != replies:
            count.disorder.append(self.token)
        for message in messages:
            if "reply_to" in message:
                expected = f"Bot: {reply_to(self.sent[message['reply_to']])}"
                seen = self.socket.messages.get(message["id"])
                if message["msg"] != expected or (seen and "Bot: " + seen["msg"] != expected):
                    count.torn.append(f"{message} seen {seen} expected {expected!r}")


class PlainUser(User):
    """Says something, and looks into the history for its reply where the socket was cut."""

    def live(self) -> None:
        token = self.insist(begin)
        texts: list[str] = []
        while time.monotonic() < self.until:
            text = request(self.number, len(texts))
            texts.append(text)
            self.converse(token, text)
        self.check(token, texts)

    def converse(self, token: str, text: str) -> None:
        since = time.monotonic()
        ended = False
        while not ended:
            try:
                socket = Plain(self.anywhere().replace("http", "ws") + "/chat", token)
                known, ended = self.look(token, text)
                if not known:
                    socket.say(text)
                seen: set[str] = set()
                while not ended:
                    reply = socket.reply()
                    if reply.get("error") == "busy":
                        break
                    if reply["id"] in seen:
                        self.count.twice.append(f"{token} {reply}")
                    seen.add(reply["id"])
                    ended = reply["msg"] == reply_to(text)
                socket.close()
            except (*CUT, ValueError):
                time.sleep(BACK_OFF)
        self.answered(since)

    def look(self, token: str, text: str) -> tuple[bool, bool]:
        """Return whether the history has the message, and whether it has its whole reply."""
        messages = self.insist(lambda url: history(url, token))
        asked = [m["id"] for m in messages if m["msg"] == f"Human: {text}"]
        replies = [m for m in messages if m.get("reply_to") in asked]
        return bool(asked), any(reply["status"] != "streaming" for reply in replies)

    def check(self, token: str, texts: list[str]) -> None:
        messages = self.insist(lambda url: history(url, token))
        expected = [line for text in texts for line in (f"Human: {text}", f"Bot: {reply_to(text)}")]
        said = [m["msg"] for m in messages]
        if said != expected:
            self.count.torn.append(f"{token}: {said} expected {expected}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--users", type=int, default=24)
    args = parser.parse_args()
    print(f"chaos for {args.seconds:.0f} s, seed {args.seed}")
    count = chaos(args.seconds, args.seed, args.users)
    print(count)
    for line in count.broken()[:20]:
        print(" ", line)
    sys.exit(bool(count.broken()))


def chaos(seconds: float, seed: int, users: int) -> Count:
    """Run users for ``seconds`` while processes die; return what came of it."""
    count = Count()
    chance = random.Random(seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        System(Path(folder), appendfsync="always", SESSION_TTL="0") as system,
    ):
        until = time.monotonic() + seconds
        kinds = [EventsUser if number % 3 else PlainUser for number in range(users)]
        everyone = [kind(number, system, count, until, seed) for number, kind in enumerate(kinds)]
        for user in everyone:
            user.start()
        while time.monotonic() < until - 4:
            time.sleep(chance.uniform(3.0, 5.0))
            kill_something(system, chance, count)
        for user in everyone:
            user.join(60.0)
            if user.is_alive():
                count.lost.append(f"user {user.number} still waits")
    return count


def kill_something(system: System, chance: random.Random, count: Count) -> None:
    """Kill a process where it stands, and start it again, as a supervisor would."""
    victims = [*[("web", web) for web in system.webs], *[("worker", w) for w in system.workers]]
    kind, victim = chance.choice([*victims, ("redis", None)])
    count.kills.append(kind)
    if victim is None:
        system.redis.kill()
        time.sleep(chance.uniform(0.0, 2.0))
        system.redis.start()
    else:
        victim.kill()
        victim.start()


if __name__ == "__main__":
    main()
