"""The invariants of chat/scripts/session.lua hold after any sequence of steps.

A random client, random workers and time act on one session. Each step may be repeated at once, as
redis-py repeats a command whose answer was lost: it must answer as before and change nothing.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from chat.channel import channel, parse_event
from chat.errors import CompleteReply, SessionGone, UnknownMessage
from chat.ids import new_id
from chat.mailbox import Claim, Mailbox, Write
from chat.session_schema import BOT, HUMAN
from chat.session_store import LEASED, QUEUED, UNSTARTED, SessionStore, session_keys

TEXTS = ["", "a", " b", "😀", '"\\', "\x00"]
ENDED = ("done", "stopped", "failed")
RECOVERY_LOCK = "chat:recovery"
END_OF_EVENTS = "the end"
LONG_AGO = 1  # microseconds
MANY_MESSAGES = 4  # a session is erased or expires only after so many, so that most runs are long

# What the test knows of the session, beside what Redis has.
KNOWN = ("gone", "sent", "lease_id", "claimed", "partial", "kept", "old_reply", "final", "rev")

repeats = st.booleans()


class RepeatingRedis(redis.Redis):
    """Sends the next script call twice if `repeat` is set, and returns the second answer."""

    sessions: Sessions
    repeat = False

    def execute_command(self, *args: Any, **options: Any) -> Any:
        answer = super().execute_command(*args, **options)
        self.sessions.cached = None
        if args[0] != "EVALSHA" or not self.repeat:
            return answer
        self.repeat = False
        with self.sessions.nothing_changes():
            again = super().execute_command(*args, **options)
        assert without_measurements(again) == without_measurements(answer)
        return again


def without_measurements(answer: Any) -> Any:
    """Return an answer without what a claim says for the metrics and the log.

    These are its age, and last of all what it says only the first time.
    """
    if not isinstance(answer, list) or answer[:1] not in (["claimed"], ["idle"]):
        return answer
    return answer[:6] + answer[7:-2] if answer[0] == "claimed" else answer[:-1]


class Worker:
    """A worker with a claim, and what Redis has confirmed under it."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.attempt = claim.attempt
        self.deltas = claim.deltas


class Sessions(RuleBasedStateMachine):
    """One session, its client, and any number of workers that may die after any step."""

    workers = Bundle("workers")
    client: redis.Redis

    @initialize(ttl=st.sampled_from([3600, 0]))
    def create(self, ttl: int) -> None:
        self.client.flushall()
        self.repeating = RepeatingRedis(connection_pool=self.client.connection_pool)
        self.repeating.sessions = self
        address = self.client.connection_pool.connection_kwargs
        self.binary = redis.Redis(host=address["host"], port=address["port"])
        self.cached: dict[str, Any] | None = None
        self.ttl = ttl
        self.store = SessionStore(self.repeating, ttl)
        self.mailbox = Mailbox(self.repeating, ttl)
        self.token = self.store.create("Ada").token
        self.gone = False
        self.sent: list[str] = []  # ids of human messages, in the order of their acceptance
        self.lease_id: str | None = None  # of the last claim
        self.claimed: set[str] = set()  # ids of replies that a worker has claimed
        self.partial: dict[str, str] = {}  # reply id -> confirmed text of a reply that streams
        self.kept: dict[str, str] = {}  # reply id -> its text when it was continued
        self.old_reply: dict[str, Any] | None = None  # that comes back if the new one has no text
        self.final: dict[str, str] = {}  # reply id -> text of a reply that has ended
        self.rev = 0  # of the last event
        self.histories: dict[int, Any] = {}  # document and text by revision
        self.file: dict[bytes, tuple[int, bytes]] = {}  # expiries and values by key
        self.at_save: dict[str, Any] = {}  # what this test knew then
        self.events_seen = 0
        self.pubsub = self.client.pubsub()
        self.pubsub.subscribe(channel(self.token), END_OF_EVENTS)
        for _ in range(2):
            assert self.pubsub.get_message(timeout=5)["type"] == "subscribe"

    def teardown(self) -> None:
        self.pubsub.close()
        self.binary.close()

    # The client

    @precondition(lambda self: not self.gone and len(self.sent) < 3 * MANY_MESSAGES)
    @rule(
        text=st.text(min_size=1, max_size=5, alphabet=st.characters(exclude_categories=["Cs"])),
        repeat=repeats,
    )
    def accept(self, text, repeat):
        message_id = new_id()
        self.repeating.repeat = repeat
        self.mailbox.accept(self.token, message_id, text)
        self.sent.append(message_id)

    @precondition(lambda self: self.sent and not self.gone)
    @rule(data=st.data(), repeat=repeats)
    def accept_known_id(self, data, repeat):
        self.repeating.repeat = repeat
        with self.nothing_changes():
            self.mailbox.accept(self.token, data.draw(st.sampled_from(self.sent)), "again")

    @precondition(lambda self: self.sent and not self.gone)
    @rule(data=st.data(), repeat=repeats)
    def stop(self, data, repeat):
        message_id = data.draw(st.sampled_from(self.sent))
        oldest = self.mailbox.oldest_unanswered(self.token)
        self.repeating.repeat = repeat
        stopped = self.mailbox.stop(self.token, message_id).stopped
        assert stopped or message_id != oldest
        assert (self.mailbox.oldest_unanswered(self.token) != oldest) == (message_id == oldest)
        if message_id == oldest:
            self.note_end()

    @precondition(lambda self: self.sent and not self.gone)
    @rule(data=st.data(), text=st.sampled_from([None, *TEXTS]), repeat=repeats)
    def retry(self, data, text, repeat):
        message_id = data.draw(st.sampled_from(self.sent))
        human, reply = self.last_exchange()
        self.repeating.repeat = repeat
        try:
            self.mailbox.retry(self.token, message_id, text)
            assert message_id == self.sent[-1]
        except UnknownMessage:
            assert message_id != self.sent[-1]
            return
        if reply is None or reply["status"] not in ENDED:
            assert self.last_exchange() == (human, reply)
            return
        edited = text is not None and HUMAN + text != human["msg"]
        self.old_reply = reply if reply["msg"] != BOT and not edited else None
        assert self.last_exchange()[1] is None
        assert self.last_exchange()[0]["msg"] == (HUMAN + text if edited else human["msg"])
        del self.final[reply["id"]]

    @precondition(lambda self: self.sent and not self.gone)
    @rule(data=st.data(), repeat=repeats)
    def continue_reply(self, data, repeat):
        message_id = data.draw(st.sampled_from(self.sent[-2:]))
        _, reply = before = self.last_exchange()
        self.repeating.repeat = repeat
        try:
            self.mailbox.continue_reply(self.token, message_id)
            assert message_id == self.sent[-1]
        except CompleteReply:
            assert reply["status"] == "failed" or reply["finish"] == "stop"
            assert reply["status"] == "done" or reply["msg"] == BOT
            return
        except UnknownMessage:
            assert message_id != self.sent[-1]
            return
        if reply is None or reply["status"] not in ENDED:
            assert self.last_exchange() == before
            return
        assert reply["status"] != "done" or reply["finish"] == "length"
        text = self.final.pop(reply["id"])
        self.partial, self.kept = {reply["id"]: text}, {reply["id"]: text}
        self.claimed.discard(reply["id"])

    @precondition(lambda self: not self.gone and len(self.sent) > MANY_MESSAGES)
    @rule(repeat=repeats)
    def erase(self, repeat):
        self.repeating.repeat = repeat
        self.store.erase(self.token)
        self.gone = True

    @precondition(lambda self: not self.gone)
    @rule()
    def read_history(self):
        messages = self.store.history(self.token).messages
        self.cached = None
        texts = {message["id"]: message["msg"] for message in messages}
        for reply_id, text in (self.final | self.partial).items():
            assert texts[reply_id] == BOT + text

    # Workers

    @precondition(lambda self: self.gone or self.stored["document"]["messages"])
    @rule(target=workers, repeat=repeats)
    def claim(self, repeat):
        lease_id = new_id()
        has_owner = bool(self.stored["leased"]) and not self.overdue
        answered_before = self.answered()
        self.repeating.repeat = repeat
        claim = self.mailbox.claim(self.token, lease_id, 40)
        if self.answered() != answered_before:  # its workers have died too often
            self.note_end()
        if claim is None:
            assert has_owner or not self.unanswered()
            return multiple()
        assert not has_owner
        assert claim.messages[-1]["id"] == self.mailbox.oldest_unanswered(self.token)
        assert claim.resumed == (claim.reply_id in self.claimed)
        assert claim.text == self.partial.get(claim.reply_id, "")
        assert claim.kept_text == self.kept.get(claim.reply_id, "")
        self.claimed.add(claim.reply_id)
        self.partial = {claim.reply_id: claim.text}
        self.lease_id = lease_id
        return Worker(claim)

    @rule(
        worker=workers,
        text=st.sampled_from(TEXTS),
        renew=st.booleans(),
        index=st.integers(0, 2),
        repeat=repeats,
    )
    def write(self, worker, text, renew, index, repeat):
        claim = worker.claim
        mine = Write(self.token, claim.lease_id, worker.attempt, worker.deltas, text, renew)
        batch = [mine._replace(token=new_id()) for _ in range(2)]  # sessions that are gone
        batch.insert(index, mine)
        before = self.stored
        owned = self.has_lease(worker) and (not text or self.in_step(worker))
        self.repeating.repeat = repeat
        answers = self.mailbox.write(batch)
        assert answers == [owned and write is mine for write in batch]
        if not owned:
            assert self.stored == before
            return
        worker.deltas += bool(text)
        self.partial[claim.reply_id] += text
        if renew:
            assert self.stored["leased"]
            assert not self.overdue
        else:
            for place in ("queued", "leased"):
                assert self.stored[place] == before[place]

    @rule(worker=workers, repeat=repeats)
    def restart(self, worker, repeat):
        owned = self.has_lease(worker) and self.stored["state"]["attempt"] == str(worker.attempt)
        self.repeating.repeat = repeat
        assert self.mailbox.restart(self.token, worker.claim.lease_id, worker.attempt) == owned
        if owned:
            kept_text = worker.claim.kept_text
            worker.attempt, worker.deltas = worker.attempt + 1, int(bool(kept_text))
            self.partial[worker.claim.reply_id] = kept_text

    @rule(
        worker=consumes(workers),
        error=st.sampled_from(["", "model_timeout"]),
        text=st.sampled_from(TEXTS),
        finish=st.sampled_from(["stop", "length"]),
        repeat=repeats,
    )
    def commit(self, worker, error, text, finish, repeat):
        claim = worker.claim
        answered_before = self.answered()
        owned = self.has_lease(worker) and self.in_step(worker)
        self.repeating.repeat = repeat
        end = (claim.reply_id, worker.attempt, worker.deltas, error, text, finish, "gpt-j")
        self.mailbox.commit(self.token, claim.lease_id, *end)
        assert self.answered() == answered_before + owned
        if owned:
            self.partial[claim.reply_id] += text
            self.note_end()

    @rule(worker=consumes(workers), repeat=repeats)
    def release(self, worker, repeat):
        owned = self.has_lease(worker)
        self.repeating.repeat = repeat
        assert self.mailbox.release(self.token, worker.claim.lease_id) == owned

    @precondition(lambda self: self.stored["leased"] or self.stored["queued"])
    @rule(repeat=repeats)
    def recover(self, repeat):
        overdue = self.overdue
        self.repeating.repeat = repeat
        recovered = self.mailbox.recover(0, 10)
        self.client.delete(RECOVERY_LOCK)  # its time is over
        assert recovered == ([self.token] if overdue else [])

    # Time

    @precondition(lambda self: self.stored["leased"])
    @rule()
    def end_lease(self):
        self.client.zadd(LEASED, {self.token: LONG_AGO}, xx=True)
        self.cached = None

    @precondition(lambda self: self.stored["queued"])
    @rule()
    def lose_task(self):
        self.client.zadd(QUEUED, {self.token: LONG_AGO}, xx=True)
        self.cached = None

    @precondition(lambda self: self.sent)
    @rule()
    def save(self):
        """Redis writes its file."""
        client = self.binary
        self.file = {k: (max(0, client.pttl(k)), client.dump(k)) for k in client.keys("*")}
        self.at_save = copy.deepcopy({name: getattr(self, name) for name in KNOWN})

    @precondition(lambda self: self.file)
    @rule()
    def restart_redis(self):
        """Redis dies and comes back from its file. The workers and clients do not notice."""
        self.client.flushall()
        for key, (expiry, value) in self.file.items():
            self.binary.restore(key, expiry, value)
        vars(self).update(copy.deepcopy(self.at_save))
        self.cached = None

    @precondition(lambda self: not self.gone and len(self.sent) > MANY_MESSAGES)
    @rule()
    def expire(self):
        if self.expires():
            for key in session_keys(self.token)[:4]:
                self.client.expireat(key, 1)
            self.gone, self.cached = True, None

    @precondition(lambda self: not self.gone and len(self.sent) > MANY_MESSAGES)
    @rule(data=st.data(), repeat=repeats)
    def delete_document_by_hand(self, data, repeat):
        """The next step, whichever it is, deletes the rest."""
        self.client.delete(self.token)
        self.gone = True
        mailbox, token, lease_id = self.mailbox, self.token, self.lease_id or new_id()
        refused = [
            lambda: mailbox.accept(token, new_id(), "hello"),
            lambda: mailbox.retry(token, self.sent[-1]),
            lambda: mailbox.retry(token, self.sent[-1], "hello"),
            lambda: mailbox.continue_reply(token, self.sent[-1]),
            lambda: self.store.erase(token),
        ]
        unsuccessful = [
            lambda: mailbox.stop(token, self.sent[-1]).stopped,
            lambda: mailbox.claim(token, new_id(), 40),
            lambda: mailbox.restart(token, lease_id, 1),
            lambda: mailbox.release(token, lease_id),
            lambda: mailbox.commit(token, lease_id, new_id(), 1, 0).owned,
        ]
        step = data.draw(st.sampled_from(refused + unsuccessful))
        self.repeating.repeat = repeat
        try:
            assert not step()
            assert step in unsuccessful
        except SessionGone:
            assert step in refused

    # What the rules and invariants read and write

    def note_end(self) -> None:
        """Note that the reply being generated has ended."""
        text = "".join(self.partial.values())
        reply = self.stored["document"]["messages"][2 * self.answered() - 1]
        if not text and self.old_reply:
            assert reply == self.old_reply
            text = self.old_reply["msg"].removeprefix(BOT)
        else:
            assert reply["id"] in self.partial or not text
        self.final[reply["id"]] = text
        self.old_reply = None
        self.partial.clear()
        self.kept.clear()

    def in_step(self, worker: Worker) -> bool:
        """Whether Redis has all that it has confirmed to a worker, not an older state."""
        state = self.stored["state"]
        return (state["attempt"], state["n"]) == (str(worker.attempt), str(worker.deltas))

    def has_lease(self, worker: Worker) -> bool:
        """Whether the worker owns the lease, which only the worker of the last claim can."""
        owned = self.stored["state"].get("lease_id") == worker.claim.lease_id
        assert not owned or worker.claim.lease_id == self.lease_id
        return owned

    @property
    def stored(self) -> dict[str, Any]:
        """What Redis has of the session, read once after each step."""
        if self.cached is None:
            self.cached = self.read_stored()
        return self.cached

    def read_stored(self) -> dict[str, Any]:
        document_key, state, text, ids = session_keys(self.token)[:4]
        erased = session_keys(self.token)[-1]
        with self.client.pipeline(transaction=False) as pipe:
            pipe.execute_command("JSON.GET", document_key)
            pipe.hgetall(state)
            pipe.get(text)
            pipe.smembers(ids)
            for key in (document_key, state, text, ids):
                pipe.expiretime(key)
            pipe.zrange(QUEUED, 0, -1, withscores=True)
            pipe.zrange(LEASED, 0, -1, withscores=True)
            pipe.zrange(UNSTARTED, 0, -1, withscores=True)
            pipe.get(erased)
            pipe.publish(END_OF_EVENTS, "")
            (
                found,
                fields,
                partial,
                known_ids,
                *expiries,
                queued,
                leased,
                unstarted,
                request_id,
                _,
            ) = pipe.execute()
        return {
            "document": json.loads(found) if found else None,
            "state": fields,
            "text": partial,
            "ids": known_ids,
            "expiries": expiries,  # of the document, state, text and ids; -1: none, -2: no such key
            "queued": queued,
            "leased": leased,
            "unstarted": unstarted,
            "erased": request_id,
            "events": self.read_events(),
        }

    @property
    def overdue(self) -> bool:
        """Whether the session's lease is over, or its task is lost."""
        return LONG_AGO in [time for _, time in self.stored["queued"] + self.stored["leased"]]

    def document(self) -> dict[str, Any] | None:
        return self.stored["document"]

    def answered(self) -> int:
        """Return the number of human messages whose reply has ended."""
        return int(self.stored["state"].get("answered", 0))

    def unanswered(self) -> list[str]:
        """Return the ids of the human messages without a reply that has ended."""
        return self.sent[self.answered() :] if self.document() else []

    def expires(self) -> bool:
        """Whether the session should have an expiry."""
        return self.ttl > 0 and not self.unanswered()

    def last_exchange(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return the last human message, and its reply if it has one."""
        *_, before, last = [{}, *self.stored["document"]["messages"]]
        return (before, last) if "reply_to" in last else (last, None)

    @contextmanager
    def nothing_changes(self) -> Iterator[None]:
        """Check that the block changes nothing in Redis, except that it may extend a lease."""
        before = self.read_stored()
        yield
        after = self.read_stored()
        for (_, lease_end), (_, new_end) in zip(before["leased"], after["leased"], strict=True):
            assert new_end >= lease_end
        assert after == {**before, "leased": after["leased"]}

    def read_events(self) -> int:
        """Check the revisions of new events (invariant 6). Returns the number of all events."""
        while (message := self.pubsub.get_message(timeout=5))["channel"] != END_OF_EVENTS:
            event = parse_event(self.token, message["data"].encode())
            assert event.prev_rev == self.rev
            assert event.rev is not None
            assert event.rev > self.rev
            self.rev = event.rev
            self.events_seen += 1
        return self.events_seen

    # The invariants, with the numbers that they have in session.lua

    @invariant()
    def invariant_1_answered_messages_come_in_pairs(self):
        if document := self.document():
            messages = document["messages"]
            for index in range(self.answered()):
                human, reply = messages[2 * index : 2 * index + 2]
                assert human["id"] == self.sent[index]
                assert human["msg"].startswith(HUMAN)
                assert reply["reply_to"] == human["id"]
                assert reply["status"] in ENDED
                assert "n" not in reply

    @invariant()
    def invariant_2_only_the_oldest_unanswered_message_may_have_a_reply(self):
        if document := self.document():
            state = self.stored["state"]
            rest = document["messages"][2 * self.answered() :]
            if "reply" in state:
                human, reply = rest[0], rest.pop(1)
                assert reply["id"] == state["reply"]
                assert reply["reply_to"] == state["reply_to"] == human["id"]
                assert reply["status"] == "streaming"
                assert reply["msg"] == BOT
                assert (self.stored["text"] or "") == self.partial.get(reply["id"], "")
            else:
                assert set(state) <= {"answered", "rev", "request", "ended", "old_reply"}
            old_reply = json.loads(state.get("old_reply", "null"))
            assert old_reply == self.old_reply
            assert [message["id"] for message in rest] == self.unanswered()
            assert all(message["msg"].startswith(HUMAN) for message in rest)

    @invariant()
    def invariant_3_a_session_is_queued_or_leased_while_a_message_is_unanswered(self):
        tokens = [token for token, _ in self.stored["queued"] + self.stored["leased"]]
        assert tokens == ([self.token] if self.unanswered() else [])
        if self.stored["leased"]:
            assert self.stored["state"]["lease_id"] == self.lease_id

    @invariant()
    def invariant_4_unstarted_holds_the_messages_without_a_reply(self):
        started = 1 if "reply" in self.stored["state"] else 0
        unstarted = {f"{self.token} {message_id}" for message_id in self.unanswered()[started:]}
        assert {member for member, _ in self.stored["unstarted"]} == unstarted

    @invariant()
    def invariant_5_a_session_expires_only_while_all_messages_are_answered(self):
        if not self.gone:
            document, state, text, ids = self.stored["expiries"]
            assert (document != -1) == self.expires()
            assert state == document
            assert ids == (document if self.sent else -2)
            assert text == (-1 if any(self.partial.values()) else -2)
            assert self.stored["ids"] == set(self.sent)

    @invariant()
    def invariant_6_events_name_the_revision_before_them(self):
        if self.document():  # `read_events` has checked the events themselves
            assert int(self.stored["state"]["rev"]) == self.rev
            history = (self.document(), self.stored["text"])
            assert self.histories.setdefault(self.rev, history) == history

    @invariant()
    def invariant_7_a_reply_that_has_ended_does_not_change(self):
        if document := self.document():
            texts = {message["id"]: message["msg"] for message in document["messages"]}
            for reply_id, text in self.final.items():
                assert texts[reply_id] == BOT + text

    @invariant()
    def invariant_8_a_session_that_is_gone_leaves_nothing(self):
        if self.gone:
            assert set(self.client.keys()) <= {session_keys(self.token)[-1]}


def test_the_invariants_hold_after_any_sequence_of_steps(client):
    machine = type("SessionsHere", (Sessions,), {"client": client})
    machine.TestCase.settings = settings(
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine.TestCase("runTest").runTest()
