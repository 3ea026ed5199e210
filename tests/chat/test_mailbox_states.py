"""Any interleaving of people, workers, crashes and repeated commands keeps the promises."""

from __future__ import annotations

import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from chat.errors import SessionGone, UnknownMessage
from chat.ids import new_id
from chat.mailbox import MAX_CLAIMS, Mailbox, Write
from chat.session_schema import BOT, HUMAN
from chat.session_store import LEASED, QUEUED, UNSTARTED, SessionStore, session_keys

TEXTS = ["", "a", " b", "😀", '"\\', "\x00"]
ENDED = ("done", "stopped", "failed")


class Holder:
    """A worker with a claim, and what it has written under it."""

    def __init__(self, claim) -> None:
        self.claim = claim
        self.n = claim.deltas
        self.said = claim.text


class Sessions(RuleBasedStateMachine):
    """One session, its person, and any number of workers that may die at any step."""

    holders = Bundle("holders")
    client: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.store = SessionStore(self.client, 3600)
        self.mailbox = Mailbox(self.client, 3600)
        self.token = self.store.create("Ada").token
        self.erased = False
        self.sent: list[str] = []  # ids, in the order in which they were accepted
        self.owner: str | None = None  # the holder of the last claim that nobody took over
        self.kept: dict[str, str] = {}  # replies that ended, by id, with their text

    # people

    @precondition(lambda self: not self.erased and len(self.sent) < 12)
    @rule(text=st.text(min_size=1, max_size=5, alphabet=st.characters(exclude_categories=["Cs"])))
    def say(self, text):
        message_id = new_id()
        self.mailbox.accept(self.token, message_id, text)
        self.sent.append(message_id)

    @precondition(lambda self: self.sent and not self.erased)
    @rule(data=st.data())
    def say_again(self, data):
        self.mailbox.accept(self.token, data.draw(st.sampled_from(self.sent)), "again")

    @precondition(lambda self: self.sent and not self.erased)
    @rule(data=st.data(), twice=st.booleans())
    def stop(self, data, twice):
        message_id = data.draw(st.sampled_from(self.sent))
        before = self.mailbox.oldest_unanswered(self.token)
        for _ in range(1 + twice):
            self.mailbox.stop(self.token, message_id)
        assert (self.mailbox.oldest_unanswered(self.token) != before) == (message_id == before)

    @precondition(lambda self: self.sent and not self.erased)
    @rule(data=st.data(), twice=st.booleans())
    def retry(self, data, twice):
        message_id = data.draw(st.sampled_from(self.sent))
        history = self.store.history(self.token)
        for _ in range(1 + twice):
            try:
                self.mailbox.retry(self.token, message_id)
                assert message_id == self.sent[-1]
            except UnknownMessage:
                assert message_id != self.sent[-1]
        now = [message["id"] for message in self.store.history(self.token).messages]
        for message in history.messages:
            if message["id"] not in now:
                assert message["reply_to"] == self.sent[-1]
                self.kept.pop(message["id"], None)

    @precondition(lambda self: not self.erased)
    @rule()
    def erase(self):
        if len(self.sent) > 6:  # rarely, and late
            self.store.erase(self.token)
            self.erased = True

    @precondition(lambda self: not self.erased and len(self.sent) > 6)
    @rule()
    def expire(self):
        if self.client.ttl(self.token) > 0:  # its hour is running
            for key in self.client.keys(f"*{self.token}"):
                self.client.expireat(key, 1)
            self.erased = True

    @precondition(lambda self: not self.erased and len(self.sent) > 6)
    @rule()
    def delete_the_document_by_hand(self):
        self.client.delete(self.token)
        self.erased = self.by_hand = True

    # workers

    @rule(target=holders, twice=st.booleans())
    def claim(self, twice):
        name = new_id()
        free = self.client.zscore(LEASED, self.token) is None
        claim = self.mailbox.claim(self.token, name, 40)
        if twice:
            again = self.mailbox.claim(self.token, name, 40)
            assert (claim is None) == (again is None)
        if claim is None:
            return multiple()
        assert free or self.lease_is_over
        self.lease_is_over = False
        assert claim.messages[-1]["id"] == self.mailbox.oldest_unanswered(self.token)
        self.owner = name
        return Holder(claim)

    @rule(holder=holders, text=st.sampled_from(TEXTS), twice=st.booleans(), renew=st.booleans())
    def append(self, holder, text, twice, renew):
        write = Write(
            self.token, holder.claim.lease_id, holder.claim.attempt, holder.n, text, renew
        )
        other = write._replace(token=new_id())  # a session that is gone, in the same script
        assert self.mailbox.write([other])[0] is False
        ours = self.mailbox.write([other, write])[1]
        if twice:
            assert self.mailbox.write([write, other])[0] == ours
        if ours:
            assert holder.claim.lease_id == self.owner
            self.lease_is_over &= not renew
            if text:
                holder.n += 1
                holder.said += text

    @rule(holder=holders)
    def restart(self, holder):
        attempt = holder.claim.attempt
        if self.mailbox.restart(self.token, holder.claim.lease_id, attempt):
            assert holder.claim.lease_id == self.owner
            self.lease_is_over = False
            object.__setattr__(holder.claim, "attempt", attempt + 1)
            holder.said, holder.n = "", 0

    @rule(
        holder=consumes(holders),
        error=st.sampled_from(["", "model_timeout"]),
        last=st.sampled_from(TEXTS),
        twice=st.booleans(),
    )
    def commit(self, holder, error, last, twice):
        claim = holder.claim
        before = self.ended()
        end = (claim.lease_id, claim.reply_id, claim.attempt, holder.n, error, last)
        committed = self.mailbox.commit(self.token, *end)
        if twice:
            assert self.mailbox.commit(self.token, *end) == committed
        if claim.reply_id in self.ended() and claim.reply_id not in before:
            assert claim.lease_id == self.owner
            self.kept[claim.reply_id] = holder.said + last

    @rule(holder=consumes(holders))
    def release(self, holder):
        self.mailbox.release(self.token, holder.claim.lease_id)

    @rule()
    def let_the_lease_end(self):
        if self.client.zadd(LEASED, {self.token: 1}, xx=True, ch=True):
            self.lease_is_over = True

    @rule()
    def sweep(self):
        self.client.delete("chat:recovery")
        self.mailbox.recover(0, 10)

    lease_is_over = False
    by_hand = False

    # promises

    def ended(self) -> set[str]:
        try:
            messages = self.store.history(self.token).messages
        except SessionGone:
            return set()
        return {message["id"] for message in messages if message.get("status") in ENDED}

    @invariant()
    def the_history_is_in_order_and_every_reply_single(self):
        if self.erased:
            kept = set(self.client.keys("*-*")) - {f"chat:erased:{self.token}"}
            assert self.token not in kept  # nothing brings it back
            assert not kept or self.by_hand
            return
        session = self.store.history(self.token)
        messages = session.messages
        humans = [message for message in messages if "reply_to" not in message]
        assert [message["id"] for message in humans] == self.sent
        assert all(message["msg"].startswith(HUMAN) for message in humans)
        for index in range(session.answered):
            human, reply = messages[2 * index : 2 * index + 2]
            assert reply["reply_to"] == human["id"]
            assert reply["status"] in ENDED
            assert "n" not in reply
        rest = messages[2 * session.answered :]
        if len(rest) > 1 and "reply_to" in rest[1]:
            assert rest[1]["reply_to"] == rest[0]["id"]
            assert rest[1]["status"] == "streaming"
            del rest[1]
        assert not any("reply_to" in message for message in rest)

    @invariant()
    def a_reply_that_ended_keeps_its_text(self):
        if not self.erased:
            texts = {m["id"]: m["msg"] for m in self.store.history(self.token).messages}
            for reply, said in self.kept.items():
                assert texts[reply] == BOT + said

    @invariant()
    def what_is_unanswered_is_in_line_or_held_and_does_not_expire(self):
        if self.erased:
            return
        unanswered = self.mailbox.oldest_unanswered(self.token) is not None
        in_line = self.client.zscore(QUEUED, self.token) is not None
        held = self.client.zscore(LEASED, self.token) is not None
        assert (in_line or held) == unanswered
        keys = [key for key in session_keys(self.token)[:4] if self.client.exists(key)]
        assert all((self.client.ttl(key) == -1) == unanswered for key in keys)

    @invariant()
    def what_is_not_begun_is_counted(self):
        counted = {member.split()[1] for member in self.client.zrange(UNSTARTED, 0, -1)}
        if self.erased:
            assert counted == set() or self.by_hand
            return
        replied = {m.get("reply_to") for m in self.store.history(self.token).messages}
        assert counted == set(self.sent) - replied


def test_the_promises_hold_in_any_order_of_events(client):
    assert MAX_CLAIMS > 1
    machine = type("SessionsHere", (Sessions,), {"client": client})
    machine.TestCase.settings = settings(
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine.TestCase("runTest").runTest()
