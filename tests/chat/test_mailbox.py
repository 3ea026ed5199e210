"""The steps, on a real Redis: what each does, run once, run twice, and by two holders at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import redis

from chat.channel import Event, channel, parse_event
from chat.errors import SessionGone, UnknownMessage
from chat.ids import new_id
from chat.mailbox import MAX_CLAIMS, Accepted, Claim, Mailbox, Unserved
from chat.server_frames import DeltaSchema, MessageFrameSchema, StartSchema, WaitSchema
from chat.session_schema import BOT, HUMAN
from chat.session_store import LEASED, QUEUED, UNSTARTED, SessionStore

TTL = 3600


@pytest.fixture
def store(client: redis.Redis) -> SessionStore:
    return SessionStore(client, TTL)


@pytest.fixture
def mailbox(client: redis.Redis) -> Mailbox:
    return Mailbox(client, TTL)


@pytest.fixture
def token(store: SessionStore) -> str:
    return store.create("Ada").token


def say(mailbox: Mailbox, token: str, text: str) -> str:
    message_id = new_id()
    mailbox.accept(token, message_id, text)
    return message_id


def claimed(mailbox: Mailbox, token: str, holder: str | None = None) -> Claim:
    claim = mailbox.claim(token, holder or new_id(), 40)
    assert claim is not None
    return claim


def texts(store: SessionStore, token: str) -> list[str]:
    return [message["msg"] for message in store.history(token).messages]


def expire_lease(client: redis.Redis, token: str) -> None:
    client.zadd(LEASED, {token: 1})


@contextmanager
def told(client: redis.Redis, token: str) -> Iterator[list[dict]]:
    """Collect what the session's channel told while the block ran."""
    frames: list[dict] = []
    with published(client, token) as events:
        yield frames
    for event in events:
        frames.append({**json.loads(event.frame), "rev": event.rev, "prev": event.prev})


@contextmanager
def published(client: redis.Redis, token: str) -> Iterator[list[Event]]:
    """Collect the events of a session while the block runs."""
    events: list[Event] = []
    with client.pubsub() as pubsub:
        pubsub.subscribe(channel(token))
        assert pubsub.get_message(timeout=5)["type"] == "subscribe"
        yield events
        client.publish(channel(token), "the end")
        while (data := pubsub.get_message(timeout=5)["data"]) != "the end":
            events.append(parse_event(token, data.encode()))


# accept


def test_a_message_is_stored_and_its_session_rung_for_once(mailbox, store, token):
    first, second = new_id(), new_id()
    assert mailbox.accept(token, first, "one") == Accepted(position=0, must_enqueue=True)
    assert mailbox.accept(token, second, "two") == Accepted(position=1, must_enqueue=False)
    assert texts(store, token) == ["Human: one", "Human: two"]


def test_the_first_text_of_an_id_counts(mailbox, store, token):
    message_id = say(mailbox, token, "first")
    mailbox.accept(token, message_id, "second")
    assert texts(store, token) == ["Human: first"]


def test_a_repeated_accept_rings_again_while_nobody_has_come(mailbox, token):
    message_id = new_id()
    mailbox.accept(token, message_id, "one")
    assert mailbox.accept(token, message_id, "one").must_enqueue
    claimed(mailbox, token)
    assert not mailbox.accept(token, message_id, "one").must_enqueue


def test_a_message_for_a_held_session_does_not_ring(mailbox, token):
    say(mailbox, token, "one")
    claimed(mailbox, token)
    assert not mailbox.accept(token, new_id(), "two").must_enqueue


def test_the_position_counts_the_messages_of_all_sessions_that_are_not_begun(mailbox, store):
    tokens = [store.create("Ada").token for _ in range(3)]
    assert [mailbox.accept(token, new_id(), "hi").position for token in tokens] == [0, 1, 2]
    claimed(mailbox, tokens[0])
    assert mailbox.accept(tokens[0], new_id(), "more").position == 2


def test_a_session_with_an_unanswered_message_does_not_expire(mailbox, client, token):
    assert client.ttl(token) > 0
    say(mailbox, token, "one")
    assert client.ttl(token) == -1
    claim = claimed(mailbox, token)
    assert client.ttl(token) == -1
    mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 0)
    assert client.ttl(token) == TTL


def test_nothing_is_accepted_for_a_session_that_is_gone(mailbox):
    with pytest.raises(SessionGone):
        mailbox.accept(new_id(), new_id(), "hello")


# claim


def test_a_claim_takes_the_oldest_message_and_begins_its_reply(mailbox, store, token):
    first = say(mailbox, token, "one")
    say(mailbox, token, "two")
    claim = claimed(mailbox, token)
    assert [message["msg"] for message in claim.messages] == ["Human: one"]
    assert (claim.text, claim.deltas, claim.attempt) == ("", 0, 1)
    reply = store.history(token).messages[1]
    assert reply["id"] == claim.reply_id
    assert (reply["reply_to"], reply["status"], reply["msg"]) == (first, "streaming", "Bot: ")


def test_two_claims_at_once_give_the_session_to_one(mailbox, token):
    say(mailbox, token, "one")
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: mailbox.claim(token, new_id(), 4), range(8)))
    assert sum(claim is not None for claim in claims) == 1


def test_a_repeated_claim_answers_the_same(mailbox, store, token):
    say(mailbox, token, "one")
    holder = new_id()
    first, again = claimed(mailbox, token, holder), claimed(mailbox, token, holder)
    assert (again.reply_id, again.text, again.attempt) == (first.reply_id, "", 1)
    assert len(store.history(token).messages) == 2


def test_nothing_is_claimed_where_nothing_waits(mailbox, token):
    assert mailbox.claim(token, new_id(), 4) is None
    assert mailbox.claim(new_id(), new_id(), 4) is None


def test_who_claims_after_a_dead_holder_goes_on_with_its_text(mailbox, client, token):
    say(mailbox, token, "one")
    dead = claimed(mailbox, token)
    mailbox.append(token, dead.lease_id, 1, 0, "Hel")
    expire_lease(client, token)
    claim = claimed(mailbox, token)
    assert (claim.reply_id, claim.text, claim.deltas, claim.attempt) == (dead.reply_id, "Hel", 1, 1)


def test_a_message_that_kills_its_holders_is_given_up_and_the_next_one_is_taken(
    mailbox, store, client, token
):
    say(mailbox, token, "poison")
    second = say(mailbox, token, "two")
    for _ in range(MAX_CLAIMS):
        assert claimed(mailbox, token).messages[-1]["msg"] == "Human: poison"
        expire_lease(client, token)
    assert claimed(mailbox, token).messages[-1]["id"] == second
    given_up = store.history(token).messages[1]
    assert (given_up["status"], given_up["error"]) == ("failed", "internal")


def test_a_word_said_counts_as_progress(mailbox, client, token):
    say(mailbox, token, "slow")
    for n in range(2 * MAX_CLAIMS):
        claim = claimed(mailbox, token)
        assert claim.deltas == n
        mailbox.append(token, claim.lease_id, 1, n, "word ")
        expire_lease(client, token)


# append


def test_an_append_that_is_repeated_counts_once(mailbox, store, token):
    say(mailbox, token, "one")
    claim = claimed(mailbox, token)
    assert mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    assert mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    assert mailbox.append(token, claim.lease_id, 1, 1, " you")
    reply = store.history(token).messages[1]
    assert (reply["msg"], reply["n"]) == ("Bot: Hi you", 2)


def test_an_append_by_another_holder_changes_nothing(mailbox, store, client, token):
    say(mailbox, token, "one")
    old = claimed(mailbox, token)
    mailbox.append(token, old.lease_id, 1, 0, "Hi")
    expire_lease(client, token)
    new = claimed(mailbox, token)
    assert not mailbox.append(token, old.lease_id, 1, 1, " old")
    assert mailbox.append(token, new.lease_id, 1, 1, " new")
    assert texts(store, token)[1] == "Bot: Hi new"


def test_an_append_that_does_not_fit_is_refused(mailbox, token):
    """As after a crash of Redis that forgot the last deltas."""
    say(mailbox, token, "one")
    claim = claimed(mailbox, token)
    assert not mailbox.append(token, claim.lease_id, 1, 3, "later")


def test_an_append_to_an_attempt_that_redis_has_forgotten_is_refused(mailbox, store, token):
    say(mailbox, token, "one")
    claim = claimed(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    for n in (0, 1):  # both fit by their number alone
        assert not mailbox.append(token, claim.lease_id, 2, n, "Ho")
    assert not mailbox.restart(token, claim.lease_id, 2)
    assert texts(store, token)[1] == "Bot: Hi"


@pytest.mark.parametrize("text", ['quote " and \\ slash', "nul \x00 tab \t", "😀é\u2028", "[]{}"])
def test_text_is_kept_to_the_letter(mailbox, store, client, token, text):
    with told(client, token) as events:
        say(mailbox, token, text)
        claim = claimed(mailbox, token)
        mailbox.append(token, claim.lease_id, 1, 0, text)
    assert texts(store, token) == ["Human: " + text, "Bot: " + text]
    assert events[0]["msg"] == text
    assert events[-1]["text"] == text


# renew, restart, release


def test_a_renewed_lease_keeps_others_out(mailbox, client, token):
    say(mailbox, token, "one")
    claim = claimed(mailbox, token)
    expire_lease(client, token)
    assert mailbox.renew([(token, claim.lease_id), (token, new_id())]) == [True, False]
    assert mailbox.claim(token, new_id(), 4) is None


def test_a_restart_drops_the_text_once(mailbox, store, token):
    say(mailbox, token, "one")
    claim = claimed(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    assert mailbox.restart(token, claim.lease_id, 1)
    mailbox.append(token, claim.lease_id, 2, 0, "Ho")
    assert mailbox.restart(token, claim.lease_id, 1)
    assert texts(store, token)[1] == "Bot: Ho"
    assert not mailbox.restart(token, new_id(), 1)


def test_a_released_session_can_be_claimed_at_once_and_goes_on(mailbox, token):
    say(mailbox, token, "one")
    claim = claimed(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    assert mailbox.release(token, claim.lease_id)
    assert mailbox.release(token, claim.lease_id)
    assert claimed(mailbox, token).text == "Hi"


def test_handing_over_does_not_count_as_dying(mailbox, token):
    say(mailbox, token, "slow to begin")
    for _ in range(2 * MAX_CLAIMS):
        mailbox.release(token, claimed(mailbox, token).lease_id)
    assert claimed(mailbox, token).messages[-1]["msg"] == "Human: slow to begin"


# commit


def test_a_commit_ends_the_reply_and_tells_what_waits(mailbox, store, token):
    say(mailbox, token, "one")
    say(mailbox, token, "two")
    claim = claimed(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    for _ in range(2):  # a repeated commit answers the same, and ends nothing else
        committed = mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1)
        assert (committed.owned, committed.queued, committed.sessions_queued) == (True, True, 1)
    reply = store.history(token).messages[1]
    assert (reply["status"], "n" in reply) == ("done", False)
    assert claimed(mailbox, token).messages[-1]["msg"] == "Human: two"


def test_a_commit_by_another_holder_changes_nothing(mailbox, store, client, token):
    say(mailbox, token, "one")
    old = claimed(mailbox, token)
    expire_lease(client, token)
    claimed(mailbox, token)
    assert not mailbox.commit(token, old.lease_id, old.reply_id, 1, 0).owned
    assert store.history(token).messages[1]["status"] == "streaming"


def test_a_reply_whose_end_redis_has_forgotten_is_not_committed(mailbox, store, client, token):
    say(mailbox, token, "one")
    claim = claimed(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    for attempt, n in ((1, 2), (2, 1)):
        assert not mailbox.commit(token, claim.lease_id, claim.reply_id, attempt, n).owned
    assert store.history(token).messages[1]["status"] == "streaming"
    expire_lease(client, token)
    assert claimed(mailbox, token).text == "Hi"


def test_replies_stand_behind_their_messages(mailbox, store, token):
    for text in "abc":
        say(mailbox, token, text)
    for text in "abc":
        claim = claimed(mailbox, token)
        mailbox.append(token, claim.lease_id, 1, 0, text.upper())
        mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1)
    assert texts(store, token) == [
        *("Human: a", "Bot: A", "Human: b", "Bot: B", "Human: c", "Bot: C")
    ]


# stop and retry


def test_a_stop_ends_a_reply_with_what_was_said_and_its_maker_finds_out(mailbox, store, token):
    message_id = say(mailbox, token, "one")
    claim = claimed(mailbox, token)
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    mailbox.stop(token, message_id)
    reply = store.history(token).messages[1]
    assert (reply["status"], reply["msg"]) == ("stopped", "Bot: Hi")
    assert not mailbox.append(token, claim.lease_id, 1, 1, " more")
    assert mailbox.renew([(token, claim.lease_id)]) == [False]


def test_a_stop_ends_a_message_that_is_not_begun_and_the_next_is_rung_for(mailbox, store, token):
    first = say(mailbox, token, "one")
    say(mailbox, token, "two")
    assert mailbox.oldest_unanswered(token) == first
    assert mailbox.stop(token, first)
    reply = store.history(token).messages[1]
    assert (reply["status"], reply["reply_to"]) == ("stopped", first)
    assert claimed(mailbox, token).messages[-1]["msg"] == "Human: two"


def test_a_stop_of_another_message_than_the_oldest_changes_nothing(mailbox, store, token):
    first, second = say(mailbox, token, "one"), say(mailbox, token, "two")
    mailbox.stop(token, second)
    for _ in range(2):  # repeated: it must not stop the second, which still needs a ring
        assert mailbox.stop(token, first)
    assert texts(store, token) == ["Human: one", "Bot: ", "Human: two"]


def test_a_retry_drops_the_old_reply_and_the_new_one_has_another_id(mailbox, store, client, token):
    message_id = say(mailbox, token, "one")
    old = claimed(mailbox, token)
    mailbox.append(token, old.lease_id, 1, 0, "Hi")
    mailbox.commit(token, old.lease_id, old.reply_id, 1, 1)
    for _ in range(2):
        assert mailbox.retry(token, message_id) == Accepted(position=0, must_enqueue=True)
        assert texts(store, token) == ["Human: one"]
    assert client.ttl(token) == -1
    assert claimed(mailbox, token).reply_id != old.reply_id
    assert not mailbox.retry(token, message_id).must_enqueue  # running already


def test_a_retry_that_is_repeated_late_keeps_the_reply_that_it_led_to(
    mailbox, store, token, monkeypatch
):
    message_id = say(mailbox, token, "one")
    for _ in range(2):
        claim = claimed(mailbox, token)
        mailbox.append(token, claim.lease_id, 1, 0, claim.reply_id)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1)
        monkeypatch.setattr("chat.mailbox.new_id", lambda: "the same request")
        mailbox.retry(token, message_id)  # the second is the first, repeated by the client
        monkeypatch.undo()
    assert texts(store, token) == ["Human: one", f"Bot: {claim.reply_id}"]
    assert mailbox.retry(token, message_id).must_enqueue


def test_only_the_last_message_can_be_retried(mailbox, token):
    first = say(mailbox, token, "one")
    claim = claimed(mailbox, token)
    mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 0)
    say(mailbox, token, "two")
    for message_id in (first, new_id()):
        with pytest.raises(UnknownMessage):
            mailbox.retry(token, message_id)


# erase


def test_an_erased_session_leaves_nothing_and_its_reply_is_dropped(mailbox, store, client, token):
    say(mailbox, token, "one")
    say(mailbox, token, "two")
    claim = claimed(mailbox, token)
    store.erase(token)
    assert not mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    assert not mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 0).owned
    assert client.keys() == [f"chat:erased:{token}"]  # for a minute: the request may be repeated
    with pytest.raises(SessionGone):
        store.erase(token)


# sweep


def test_a_sweep_finds_the_sessions_of_dead_holders_and_only_once(mailbox, client, token):
    say(mailbox, token, "one")
    claimed(mailbox, token)
    assert mailbox.recover(0, 10) == []
    client.delete("chat:recovery")
    expire_lease(client, token)
    assert mailbox.recover(0, 10) == [token]
    client.delete("chat:recovery")
    assert mailbox.recover(0, 10) == []


def test_one_sweep_serves_all_workers(mailbox, client, token):
    say(mailbox, token, "one")
    client.zadd(QUEUED, {token: 1})
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: mailbox.recover(0, 10), range(8)))
    assert sorted(map(len, found)) == [0] * 7 + [1]


def test_a_sweep_rings_for_no_more_sessions_than_rings_are_missing(mailbox, store, client):
    for _ in range(5):
        token = store.create("Ada").token
        say(mailbox, token, "one")
        client.zadd(QUEUED, {token: 1})
    assert mailbox.recover(5, 10) == []
    client.delete("chat:recovery")
    assert len(mailbox.recover(3, 10)) == 2
    client.delete("chat:recovery")
    assert len(mailbox.recover(0, 1)) == 1


# unserved


def test_sessions_are_unserved_while_they_wait_or_their_holder_is_dead(
    mailbox, store, client, token
):
    idle, gone = store.create("Bob").token, new_id()
    tokens = [idle, token, gone]
    assert mailbox.unserved(tokens) == []
    first, second = say(mailbox, token, "one"), say(mailbox, token, "two")
    assert mailbox.unserved(tokens) == [Unserved(token, first, store.history(token).rev)]
    claim = claimed(mailbox, token)
    assert mailbox.unserved(tokens) == []
    mailbox.append(token, claim.lease_id, 1, 0, "Hi")
    expire_lease(client, token)
    assert mailbox.unserved(tokens) == [Unserved(token, first, store.history(token).rev)]
    claim = claimed(mailbox, token)
    mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1)
    assert mailbox.unserved(tokens) == [Unserved(token, second, store.history(token).rev)]
    mailbox.stop(token, second)
    assert mailbox.unserved(tokens) == []


def test_sessions_with_an_unanswered_message_are_counted_begun_or_not(mailbox, store, token):
    assert mailbox.sessions_unanswered() == 0
    say(mailbox, token, "one")
    say(mailbox, store.create("Bob").token, "two")
    assert mailbox.sessions_unanswered() == 2
    claim = claimed(mailbox, token)
    assert mailbox.sessions_unanswered() == 2
    mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 0)
    assert mailbox.sessions_unanswered() == 1


# events


def test_each_event_names_the_revision_before_it(mailbox, store, client, token):
    with told(client, token) as events:
        message_id = say(mailbox, token, "one")
        claim = claimed(mailbox, token)
        mailbox.append(token, claim.lease_id, 1, 0, "Hi")
        mailbox.restart(token, claim.lease_id, 1)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 2, 0)
        mailbox.retry(token, message_id)
        mailbox.stop(token, message_id)
    kinds = [event["type"] for event in events]
    assert kinds == ["message", "start", "delta", "start", "message", "start", "message"]
    assert [event["prev"] for event in events] == [0, *(event["rev"] for event in events[:-1])]
    assert store.revisions([token, "none"]) == {token: events[-1]["rev"], "none": None}


SCHEMAS = {
    "human": MessageFrameSchema(),
    "reply": MessageFrameSchema(),
    "failed": MessageFrameSchema(),
    "start": StartSchema(),
    "delta": DeltaSchema(),
    "wait": WaitSchema(),
}


@pytest.mark.parametrize("text", ['quote " and / and \\', "nul \x00 tab \t", "😀é\u2028", "Bot: x"])
def test_each_frame_is_published_as_its_schema_dumps_it(mailbox, store, client, token, text):
    with published(client, token) as events:
        say(mailbox, token, text)
        claim = claimed(mailbox, token)
        mailbox.publish_wait(token, claim.message_id, "busy", 1.5)
        mailbox.append(token, claim.lease_id, 1, 0, text)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 1, text=text)
        say(mailbox, token, text)
        claim = claimed(mailbox, token)
        mailbox.restart(token, claim.lease_id, 1)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 2, 0, "model_timeout")
        stopped = say(mailbox, token, text)
        mailbox.stop(token, stopped)
        store.erase(token)
    frames = {
        e.type: [json.loads(f.frame) for f in events if f.type == e.type] for e in events[:-1]
    }
    assert set(frames) == set(SCHEMAS)
    for kind, schema in SCHEMAS.items():
        fields = schema.dump_fields
        for frame in frames[kind]:
            stored = {**frame, "msg": f"{BOT if 'reply_to' in frame else HUMAN}{frame.get('msg')}"}
            assert frame == schema.dump(stored)
            assert set(frame) <= set(fields)
    assert [frame["msg"] for frame in frames["human"]] == [text] * 3
    assert [frame["text"] for frame in frames["delta"]] == [text] * 2
    assert [frame["msg"] for frame in frames["reply"]] == [text * 2, ""]
    assert (events[-1].type, events[-1].frame) == ("erased", b"")


def test_nothing_is_left_in_line_when_all_is_answered(mailbox, client, token):
    for text in "ab":
        say(mailbox, token, text)
    for _ in "ab":
        claim = claimed(mailbox, token)
        mailbox.commit(token, claim.lease_id, claim.reply_id, 1, 0)
    assert [client.zcard(key) for key in (QUEUED, LEASED, UNSTARTED)] == [0, 0, 0]
