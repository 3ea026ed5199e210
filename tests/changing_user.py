"""A simulated user who also continues, retries, edits and stops, while another client watches."""

from __future__ import annotations

import time
import uuid
from typing import Any

from tests.clients import Events, TornError, begin, history
from tests.reply_texts import ReplyTexts
from tests.simulated_users import BACK_OFF, CONNECTION_ERRORS, WORDS, User
from tests.watcher import Watcher, reconnected

LENGTH = 7  # tokens after which the model's limit cuts a reply, of those that are to be cut
MAX_CHANGES = 4  # of one message

Frame = dict[str, Any]


class ChangingUser(User):
    """Sends one message at a time, and changes its reply before the next one."""

    def chat(self) -> None:
        self.token = self.retried(begin)
        self.texts = ReplyTexts()
        self.client: Events | None = None
        self.connect()
        watcher = Watcher(self, self.token, self.texts)
        watcher.start()
        while time.monotonic() < self.until:
            try:
                self.exchange()
            except TornError as torn:
                self.outcome.torn.append(f"{self.token}: {torn}")
                self.connect()
        self.check()
        watcher.finish()

    def connect(self) -> None:
        self.client = reconnected(self, self.token, self.client)
        self.texts.check_frame(self.client, {"type": "history"})

    def text(self) -> str:
        """Return a new text. The model's limit cuts the reply to some of them."""
        cut = self.random.choice(["", f" length={LENGTH}"])
        number = self.random.randrange(10**6)
        return f"[[words={WORDS} delay=0.04{cut}]] user {self.number} text {number}"

    def exchange(self) -> None:
        message_id, text, since = str(uuid.uuid4()), self.text(), time.monotonic()
        self.texts.asked[message_id] = [text]
        self.request(type="message", id=message_id, msg=text)
        self.count_reply(since)
        for _ in range(self.random.randint(0, MAX_CHANGES)):
            change = self.random.choice(["continue", "continue", "retry", "edit"])
            self.outcome.changes.append(change)
            if change == "continue":
                self.texts.continued.add(message_id)
                self.request(type="continue", id=message_id)
            elif change == "retry":
                self.request(type="retry", id=message_id)
            else:
                text = self.text()
                self.texts.asked[message_id].append(text)
                self.request(type="retry", id=message_id, msg=text)

    def request(self, **request: str) -> None:
        """Send a request until it is accepted or refused, and wait for the end of the reply."""
        old = self.reply_to(request["id"])
        stop_at = self.random.choice([None, None, 1, 2, 4, 7])  # the number of a frame
        accepted = False
        while not (accepted and self.has_ended(request["id"])):
            try:
                if not accepted:
                    self.client.send(**request)
                while not (accepted and self.has_ended(request["id"])):
                    frame = self.client.frame()
                    self.texts.check_frame(self.client, frame)
                    if frame["type"] == "error":
                        break
                    if frame["type"] == "ack":
                        accepted = True
                        self.forget(old)
                    accepted = accepted or self.shows_accepted(request, old)
                    stop_at = stop_at - 1 if accepted and stop_at else None
                    if stop_at == 0:
                        self.outcome.changes.append("stop")
                        self.client.send(type="stop", id=request["id"])
                else:
                    continue
                if frame["code"] == "busy":
                    time.sleep(BACK_OFF)
                else:
                    self.connect()  # the history is right whatever was missed
                    self.check_refusal(request, frame)
                    return
            except CONNECTION_ERRORS:
                self.connect()
                accepted = accepted or self.shows_accepted(request, old)
        self.check_reply(request, old)

    def reply_to(self, message_id: str) -> Frame | None:
        reply = self.client.reply_to(message_id)
        return dict(reply) if reply else None

    def has_ended(self, message_id: str) -> bool:
        return (self.reply_to(message_id) or {}).get("status", "streaming") != "streaming"

    def forget(self, old: Frame | None) -> None:
        """Forget the reply that is answered again or continued: `start` or a message brings one."""
        if old and self.client.messages.get(old["id"], {}).get("status") != "streaming":
            self.client.messages.pop(old["id"], None)

    def shows_accepted(self, request: Frame, old: Frame | None) -> bool:
        """Whether what was received shows that a request without an ack was accepted."""
        reply = self.reply_to(request["id"])
        if request["type"] == "message":
            return request["id"] in self.client.messages
        names = ("id", "msg", "status", "finish")
        return not (reply and old) or any(reply.get(name) != old.get(name) for name in names)

    def check_refusal(self, request: Frame, error: Frame) -> None:
        """Only the continuation of a reply that is complete is refused rightly."""
        reply = self.reply_to(request["id"]) or {}
        is_right = request["type"] == "continue" and error["code"] == "unknown_message"
        if not is_right or reply.get("finish") != "stop":
            self.outcome.lost.append(f"{self.token} {request}: {error}, {reply}")

    def check_reply(self, request: Frame, old: Frame | None) -> None:
        """A reply without text does not replace one with text, unless the message was edited."""
        reply = self.reply_to(request["id"])
        if old and old["msg"] and not reply["msg"] and "msg" not in request:
            self.outcome.lost.append(f"{self.token} {request}: {reply} replaces {old}")

    def check(self) -> None:
        """Compare the history with what was sent and received."""
        messages = self.retried(lambda url: history(url, self.token))
        humans = {m["id"]: m["msg"].removeprefix("Human: ") for m in messages if "status" not in m}
        replies = [{**m, "msg": m["msg"].removeprefix("Bot: ")} for m in messages if "status" in m]
        answered, asked = [reply["reply_to"] for reply in replies], list(self.texts.asked)
        outcome = self.outcome
        outcome.lost += [f"{self.token} {i}" for i in asked if i not in answered]
        outcome.duplicated += [f"{self.token} {i}" for i in asked if answered.count(i) > 1]
        if [m["id"] for m in messages[::2]] != asked or answered != asked:
            outcome.out_of_order.append(self.token)
        for reply in replies:
            try:
                self.texts.check(reply, [humans[reply["reply_to"]]])
            except TornError as torn:
                outcome.torn.append(f"{self.token}: {torn}")
