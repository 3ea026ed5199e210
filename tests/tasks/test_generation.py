"""A generation writes its reply whatever happens to Redis, to its lease or to its worker."""

from __future__ import annotations

import pytest

from chat.errors import ModelRefused, RedisUnavailable
from chat.timing import FLUSH_INTERVAL, REDIS_OUTAGE_TIMEOUT
from tasks.generation import Generation
from tasks.models import Restart
from tests.chat.mailbox_steps import must_claim, published_events, send, texts
from tests.tasks.conftest import ScriptedModel

HISTORY_WINDOW = 4
TIMEOUT = 60.0


@pytest.fixture
def generation(mailbox, token, clock):
    """A generation of the reply to a session's only message."""
    send(mailbox, token, "hello")
    return Generation(mailbox, must_claim(mailbox, token), TIMEOUT)


def run(generation, script):
    return generation.run(ScriptedModel(script), HISTORY_WINDOW)


def reply(store, token):
    return store.history(token).messages[1]


def deltas(events):
    return [event["text"] for event in events if event["type"] == "delta"]


def test_the_first_delta_is_written_at_once(generation, store, token):
    def script(call):
        yield "Hel"
        assert texts(store, token)[1] == "Bot: Hel"

    run(generation, script)


def test_text_that_comes_within_the_flush_interval_is_written_as_one_delta(
    generation, client, token, clock
):
    def script(call):
        yield "one "
        yield "two "
        yield "three "
        clock.sleep(FLUSH_INTERVAL * 1.01)
        yield "four "
        yield "five"

    with published_events(client, token) as events:
        run(generation, script)
    assert deltas(events) == ["one ", "two three four ", "five"]


def test_text_needs_a_flush_after_the_interval_even_if_the_model_is_silent(
    generation, store, token, clock
):
    def script(call):
        yield "one "
        yield "two"
        assert not generation.needs_flush()
        clock.sleep(FLUSH_INTERVAL * 1.01)
        assert generation.needs_flush()
        generation.flush()
        assert texts(store, token)[1] == "Bot: one two"

    run(generation, script)


def test_a_complete_reply_is_committed(generation, store, token):
    committed = run(generation, lambda call: iter(["Hi", " you"]))
    assert (committed.owned, committed.queued) == (True, False)
    assert reply(store, token)["status"] == "done"
    assert texts(store, token) == ["Human: hello", "Bot: Hi you"]


def test_a_failed_reply_is_committed_with_its_text_and_the_code(generation, store, token):
    def script(call):
        yield "Hi"
        raise ModelRefused

    assert run(generation, script).owned
    ended = reply(store, token)
    assert (ended["status"], ended["error"], ended["msg"]) == ("failed", "model_refused", "Bot: Hi")


@pytest.mark.parametrize("lost", ["lost_requests", "lost_answers"])
def test_an_unconfirmed_delta_is_sent_again_unchanged(
    generation, client, unreliable, token, clock, lost
):
    def script(call):
        setattr(unreliable, lost, 1)
        yield "one "  # not confirmed
        yield "two"
        clock.sleep(FLUSH_INTERVAL * 1.01)
        generation.flush()

    with published_events(client, token) as events:
        assert run(generation, script).owned
    assert deltas(events) == ["one ", "two"]


@pytest.mark.parametrize("lost", ["lost_requests", "lost_answers"])
def test_a_commit_is_repeated_until_redis_answers(generation, store, unreliable, token, lost):
    def script(call):
        yield "Hi"
        setattr(unreliable, lost, 3)

    assert run(generation, script).owned
    assert reply(store, token)["status"] == "done"


def test_a_generation_ends_when_redis_is_away_for_longer_than_its_patience(
    generation, store, unreliable, token, clock
):
    began = clock()

    def script(call):
        yield "Hi"
        unreliable.lost_requests = 10_000

    with pytest.raises(RedisUnavailable):
        run(generation, script)
    assert REDIS_OUTAGE_TIMEOUT < clock() - began < REDIS_OUTAGE_TIMEOUT + 1
    unreliable.lost_requests = 0
    assert reply(store, token)["status"] == "streaming"  # recovery finds the session


def test_the_model_is_cancelled_when_redis_is_away_for_too_long_before_the_end(
    generation, unreliable, clock
):
    def script(call):
        unreliable.lost_requests = 10_000
        yield "one "
        clock.sleep(REDIS_OUTAGE_TIMEOUT + 1)
        yield "two"
        pytest.fail("the model goes on")

    with pytest.raises(RedisUnavailable):
        run(generation, script)


def test_a_stopped_reply_gets_no_more_text(generation, mailbox, store, token, clock):
    def script(call):
        yield "one "
        mailbox.stop(token, generation.claim.message_id)
        clock.sleep(FLUSH_INTERVAL * 1.01)
        yield "two"
        pytest.fail("the model goes on")

    assert not run(generation, script).owned
    assert texts(store, token)[1] == "Bot: one "


def test_a_generation_whose_lease_is_lost_writes_nothing_more(generation, store, token):
    def script(call):
        yield "one "
        yield "two"  # not written yet
        generation.abort_lease_lost()
        call.sleep(TIMEOUT)

    assert not run(generation, script).owned
    assert texts(store, token)[1] == "Bot: one "
    assert reply(store, token)["status"] == "streaming"


def test_a_draining_worker_writes_its_text_and_another_worker_continues(generation, mailbox, token):
    def script(call):
        yield "one "
        yield "two"  # not written yet
        generation.abort_for_shutdown()
        call.sleep(TIMEOUT)

    released = run(generation, script)
    assert (released.owned, released.queued) == (True, True)
    assert must_claim(mailbox, token).text == "one two"


@pytest.mark.parametrize("lost", ["lost_requests", "lost_answers"])
def test_a_restart_drops_the_text_and_begins_the_next_attempt(
    generation, client, store, unreliable, token, lost
):
    def script(call):
        yield "one "
        yield "two"  # not written yet
        setattr(unreliable, lost, 2)
        yield Restart()
        yield "three"

    with published_events(client, token) as events:
        assert run(generation, script).owned
    assert texts(store, token)[1] == "Bot: three"
    starts = [event for event in events if event["type"] == "start"]
    assert [event["attempt"] for event in starts] == [2]
