"""A generation writes its reply whatever happens to Redis, to its lease or to its worker."""

from __future__ import annotations

import json
import logging
import re

import pytest

from chat.errors import Internal, ModelRefused, RedisUnavailable
from chat.timing import REDIS_OUTAGE_TIMEOUT, RENEWAL_INTERVAL
from tasks.generation import Generation
from tasks.models import Finished, Restart, Thinking
from tasks.models.failures import AllThinking
from tests.chat.mailbox_steps import answer, must_claim, published_events, send, texts
from tests.tasks.conftest import ScriptedModel, wait_until_cancelled

STEP = re.compile(r"^(first_delta|restarted|finished|released|interrupted|lease_lost) ")
HISTORY_WINDOW = 4
TIMEOUT = 60.0


@pytest.fixture
def generation(mailbox, writer, token, clock):
    """A generation of the reply to a session's only message."""
    send(mailbox, token, "hello")
    return Generation(mailbox, writer, must_claim(mailbox, token), TIMEOUT)


def run(generation, script):
    return generation.run(ScriptedModel(script), HISTORY_WINDOW)


def reply(store, token):
    return store.history(token).messages[1]


def deltas(events):
    return [json.loads(event.frame)["text"] for event in events if event.type == "delta"]


def test_text_between_two_writes_is_one_delta_and_the_rest_comes_with_the_commit(
    generation, writer, client, token
):
    def script(call):
        yield "one "
        writer.write()
        yield "two "
        yield "three "
        writer.write()
        yield "four "
        yield "five"

    with published_events(client, token) as events:
        assert run(generation, script).owned
    assert deltas(events) == ["one ", "two three ", "four five"]
    assert [event.type for event in events][-2:] == ["delta", "reply"]


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
    assert "error_msg" not in ended


def test_a_failure_with_a_sentence_of_its_own_is_committed_with_it(generation, store, token):
    def script(call):
        yield Thinking()
        raise AllThinking("a cause")

    assert run(generation, script).owned
    ended = reply(store, token)
    assert (ended["error"], ended["error_msg"]) == ("model_refused", AllThinking.msg)
    assert "MAX_NEW_TOKENS" in AllThinking.msg


def test_a_lease_is_renewed_with_a_delta_or_without_after_the_interval(generation, clock):
    def script(call):
        assert generation.next_write() is None
        yield "one "
        assert not generation.next_write().renew
        clock.sleep(1.01 * RENEWAL_INTERVAL)
        with_delta = generation.next_write()
        assert (with_delta.text, with_delta.renew) == ("one ", True)
        generation.confirm(with_delta)
        assert generation.next_write() is None
        clock.sleep(1.01 * RENEWAL_INTERVAL)
        without_delta = generation.next_write()
        assert (without_delta.text, without_delta.renew) == ("", True)
        raise Stop

    class Stop(Exception):
        """Ends the test: nothing was written to Redis."""

    with pytest.raises(Stop):
        run(generation, script)


@pytest.mark.parametrize("lost", ["lost_requests", "lost_answers"])
@pytest.mark.parametrize("written_again_by", ["the writer", "the commit"])
def test_an_unconfirmed_delta_is_sent_again_unchanged(
    generation, writer, client, unreliable, token, lost, written_again_by
):
    def script(call):
        yield "one "
        setattr(unreliable, lost, 1)
        with pytest.raises(RedisUnavailable):
            writer.write()
        yield "two"
        if written_again_by == "the writer":
            writer.write()

    with published_events(client, token) as events:
        assert run(generation, script).owned
    assert deltas(events) == ["one ", "two"]


@pytest.mark.parametrize("lost", ["lost_requests", "lost_answers"])
def test_a_commit_is_repeated_until_redis_answers(
    generation, client, store, unreliable, token, lost
):
    def script(call):
        yield "Hi"
        setattr(unreliable, lost, 3)

    with published_events(client, token) as events:
        assert run(generation, script).owned
    assert deltas(events) == ["Hi"]
    assert (reply(store, token)["status"], reply(store, token)["msg"]) == ("done", "Bot: Hi")


def test_a_generation_ends_when_redis_is_away_for_too_long_at_its_end(
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


def test_the_model_is_cancelled_when_writes_fail_for_too_long(generation, clock):
    def script(call):
        clock.sleep(REDIS_OUTAGE_TIMEOUT - 1)
        generation.write_failed(RedisUnavailable())
        yield "one "
        clock.sleep(2)
        generation.write_failed(RedisUnavailable())
        wait_until_cancelled(call)

    with pytest.raises(RedisUnavailable):
        run(generation, script)


def test_a_generation_whose_reply_cannot_be_written_is_aborted_with_the_reason(generation):
    def script(call):
        yield "one "
        generation.abort(Internal("wrong type"))
        wait_until_cancelled(call)

    with pytest.raises(Internal, match="wrong type"):
        run(generation, script)


def test_a_stopped_reply_gets_no_more_text(generation, writer, mailbox, store, token):
    def script(call):
        yield "one "
        writer.write()
        mailbox.stop(token, generation.claim.message_id)
        yield "two"
        writer.write()
        wait_until_cancelled(call)

    assert not run(generation, script).owned
    assert texts(store, token)[1] == "Bot: one "


def test_a_generation_whose_lease_is_lost_writes_nothing_more(generation, writer, store, token):
    def script(call):
        yield "one "
        writer.write()
        yield "two"
        generation.abort_lease_lost()
        wait_until_cancelled(call)

    assert not run(generation, script).owned
    assert texts(store, token)[1] == "Bot: one "
    assert reply(store, token)["status"] == "streaming"


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_worker_that_shuts_down_writes_its_text_and_another_worker_continues(
    generation, writer, unreliable, mailbox, token, confirmed
):
    def script(call):
        yield "one "
        if not confirmed:
            unreliable.lost_answers = 1
            with pytest.raises(RedisUnavailable):
                writer.write()
        yield "two"
        generation.abort_for_shutdown()
        wait_until_cancelled(call)

    released = run(generation, script)
    assert (released.owned, released.queued) == (True, True)
    assert must_claim(mailbox, token).text == "one two"


@pytest.mark.parametrize("lost", ["lost_requests", "lost_answers"])
def test_a_restart_drops_the_text_and_begins_the_next_attempt(
    generation, writer, client, store, unreliable, token, lost
):
    def script(call):
        yield "one "
        writer.write()
        yield "two"  # not written yet
        setattr(unreliable, lost, 2)
        yield Restart()
        yield "three "
        writer.write()
        yield "four"

    with published_events(client, token) as events:
        assert run(generation, script).owned
    assert texts(store, token)[1] == "Bot: three four"
    starts = [json.loads(event.frame) for event in events if event.type == "start"]
    assert [start["attempt"] for start in starts] == [2]


def test_a_continued_reply_asks_the_model_to_keep_its_text(mailbox, writer, store, token, clock):
    message_id = send(mailbox, token, "hello")
    answer(mailbox, token, "Once upon", finish="length")
    mailbox.continue_reply(token, message_id)
    generation = Generation(mailbox, writer, must_claim(mailbox, token), TIMEOUT)
    model = ScriptedModel(lambda call: iter([" a", " time", Finished("length", "gpt-j")]))
    assert generation.run(model, HISTORY_WINDOW).owned
    assert (model.partial, model.kept_text) == ("Once upon", "Once upon")
    ended = reply(store, token)
    assert (ended["msg"], ended["finish"]) == ("Bot: Once upon a time", "length")
    assert ended["model"] == "gpt-j"


def test_a_restart_of_a_continued_reply_drops_only_what_is_new(
    mailbox, writer, store, token, clock
):
    message_id = send(mailbox, token, "hello")
    answer(mailbox, token, "Once", finish="length")
    mailbox.continue_reply(token, message_id)

    def script(call):
        yield " more"
        writer.write()
        yield Restart()
        yield " upon"
        writer.write()
        yield " a time"

    generation = Generation(mailbox, writer, must_claim(mailbox, token), TIMEOUT)
    assert run(generation, script).owned
    assert texts(store, token)[1] == "Bot: Once upon a time"


def test_a_reply_that_is_not_continued_may_be_replaced(generation):
    model = ScriptedModel(lambda call: iter(["Hi"]))
    generation.run(model, HISTORY_WINDOW)
    assert model.kept_text == ""


def test_a_model_that_thinks_is_published_and_redis_may_be_away(
    generation, client, token, unreliable
):
    def script(call):
        yield Thinking()
        unreliable.lost_requests = 1
        yield Thinking()
        yield "Hi"

    with published_events(client, token) as events:
        assert run(generation, script).owned
    assert [event.type for event in events] == ["thinking", "delta", "reply"]


# What the log says of the end


@pytest.fixture
def steps(caplog):
    """The logged steps of the generation, each with its status if it has one."""
    caplog.set_level(logging.INFO, "chat.messages")
    return lambda: [
        " ".join(word for word in line.split() if STEP.match(f"{word} ") or "status=" in word)
        for line in caplog.messages
        if STEP.match(line)
    ]


def test_a_reply_that_is_complete_is_logged_as_done(generation, steps):
    run(generation, lambda call: iter(["Hi"]))
    assert steps() == ["first_delta", "finished status=done"]


def test_a_reply_that_was_stopped_before_its_commit_is_logged_as_stopped(
    generation, mailbox, token, steps
):
    def script(call):
        yield "Hi"
        mailbox.stop(token, generation.claim.message_id)

    run(generation, script)
    assert steps() == ["finished status=stopped"]


def test_a_release_after_the_lease_was_lost_is_logged_as_a_lost_lease(
    generation, mailbox, token, steps
):
    def script(call):
        mailbox.stop(token, generation.claim.message_id)
        generation.abort_for_shutdown()
        wait_until_cancelled(call)
        yield

    run(generation, script)
    assert steps() == ["lease_lost"]


def test_a_commit_after_the_session_was_erased_is_logged_as_a_lost_lease(
    generation, store, token, steps
):
    def script(call):
        yield "Hi"
        store.erase(token)

    run(generation, script)
    assert steps() == ["lease_lost"]


def test_a_reply_that_redis_does_not_take_is_logged_as_interrupted(generation, unreliable, steps):
    def script(call):
        yield "Hi"
        unreliable.lost_requests = 10_000

    with pytest.raises(RedisUnavailable):
        run(generation, script)
    assert steps() == ["interrupted"]
