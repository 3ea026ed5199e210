"""A worker's delta writer serves all of its generations."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress

import pytest

from chat.errors import Internal, RedisUnavailable
from chat.mailbox import MAX_WRITES, Committed, Mailbox
from chat.session_store import LEASED, text_key
from chat.timing import (
    FIRST_WRITE_DELAY,
    LEASE_DURATION,
    REDIS_OUTAGE_TIMEOUT,
    RENEWAL_INTERVAL,
    WRITE_INTERVAL,
)
from tasks.delta_writer import DeltaWriter
from tasks.generation import Generation
from tests.chat.mailbox_steps import end_lease, must_claim, renew, send, texts
from tests.conftest import TTL
from tests.processes import wait_until
from tests.tasks.conftest import ScriptedModel, wait_until_cancelled

MANY = MAX_WRITES + 6
TIMEOUT = 20.0


class StoppableWriter(DeltaWriter):
    """A writer whose thread a test can end."""

    stopped = False
    rounds = 0

    def write(self) -> int:
        self.rounds += 1
        if self.stopped:
            raise SystemExit
        return super().write()


@contextmanager
def running(mailbox: Mailbox) -> Iterator[StoppableWriter]:
    """Run a writer's thread while the block runs."""
    writer = StoppableWriter(mailbox)

    def run() -> None:
        with suppress(SystemExit):
            writer.run()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield writer
    finally:
        writer.stopped = True
        thread.join()


@pytest.fixture
def generations(mailbox, store, writer):
    """Return a function that claims new sessions and returns their generations."""

    def make(count: int, writer: DeltaWriter = writer) -> list[Generation]:
        tokens = [store.create("Ada").token for _ in range(count)]
        for token in tokens:
            send(mailbox, token, "hello")
        claims = [must_claim(mailbox, token) for token in tokens]
        return [Generation(mailbox, writer, claim, TIMEOUT) for claim in claims]

    return make


@contextmanager
def all_running(generations, *scripts) -> Iterator[list[Future[Committed]]]:
    """Run each generation with its script, or all with the only one; wait for their ends."""
    scripts = scripts if len(scripts) > 1 else scripts * len(generations)
    with ThreadPoolExecutor(len(generations)) as pool:
        yield [
            pool.submit(generation.run, ScriptedModel(script), 4)
            for generation, script in zip(generations, scripts, strict=True)
        ]


def text_of(store, generation):
    return texts(store, generation.claim.token)[1].removeprefix("Bot: ")


def test_the_leases_of_silent_generations_are_renewed_when_it_is_time(
    generations, writer, client, clock
):
    some = generations(3)
    with ExitStack() as serving:
        for generation in some:
            serving.enter_context(writer.registered(generation))
            end_lease(client, generation.claim.token)
        assert writer.renew() == 0
        clock.sleep(1.01 * RENEWAL_INTERVAL)
        assert writer.renew() == 3
        assert writer.renew() == 0
    clock.sleep(1.01 * RENEWAL_INTERVAL)
    assert writer.renew() == 0  # none is served any more
    now = client.time()[0]
    for generation in some:
        assert client.zscore(LEASED, generation.claim.token) / 1e6 >= now + LEASE_DURATION - 1


def test_no_script_writes_more_sessions_than_its_bound(generations, unreliable, store):
    sizes = []

    class RecordingMailbox(Mailbox):
        def write(self, writes):
            sizes.append(len(writes))
            return super().write(writes)

    writer = DeltaWriter(RecordingMailbox(unreliable, TTL))
    all_have_text = threading.Barrier(MANY + 1)
    written = threading.Event()

    def script(call):
        yield "Hi"
        all_have_text.wait(TIMEOUT)
        written.wait(TIMEOUT)

    many = generations(MANY, writer)
    with all_running(many, script) as ended:
        all_have_text.wait(TIMEOUT)
        assert writer.write() == MANY
        written.set()
    assert all(future.result().owned for future in ended)
    assert sizes == [MAX_WRITES, MANY - MAX_WRITES]
    assert {text_of(store, generation) for generation in many} == {"Hi"}


def test_a_generation_that_lost_its_lease_is_aborted_and_the_others_are_renewed(
    generations, mailbox, store, client
):
    with running(mailbox) as writer:
        first, lost, last = generations(3, writer)
        taken_over, stay = threading.Event(), threading.Event()

        def script(call):
            yield "one "
            taken_over.wait(TIMEOUT)
            yield "two"
            stay.wait(TIMEOUT)

        def script_that_is_cancelled(call):
            yield "one "
            taken_over.wait(TIMEOUT)
            yield "two"
            wait_until_cancelled(call)

        with all_running([first, lost, last], script, script_that_is_cancelled, script) as ended:
            for generation in (first, lost, last):
                wait_until(lambda g=generation: text_of(store, g) == "one ")
            end_lease(client, lost.claim.token)
            other_worker = must_claim(mailbox, lost.claim.token)
            taken_over.set()
            for generation in (first, last):
                wait_until(lambda g=generation: text_of(store, g) == "one two")
            stay.set()
        assert [future.result().owned for future in ended] == [True, False, True]
    assert other_worker.text == text_of(store, lost) == "one "
    assert renew(mailbox, (lost.claim.token, other_worker.lease_id)) == [True]


def test_a_session_that_redis_refuses_to_write_does_not_hurt_the_others(
    generations, mailbox, store, client, writer
):
    first, poisoned, last = generations(3)
    client.lpush(text_key(poisoned.claim.token), "not a string")
    all_have_text, written = threading.Barrier(4), threading.Event()

    def script(call):
        yield "Hi"
        all_have_text.wait(TIMEOUT)
        written.wait(TIMEOUT)

    def script_that_is_cancelled(call):
        yield "Hi"
        all_have_text.wait(TIMEOUT)
        wait_until_cancelled(call)

    with all_running([first, poisoned, last], script, script_that_is_cancelled, script) as ended:
        all_have_text.wait(TIMEOUT)
        writer.write()
        assert [text_of(store, generation) for generation in (first, last)] == ["Hi", "Hi"]
        written.set()
    assert isinstance(ended[1].exception(), Internal)
    assert ended[0].result().owned
    assert ended[2].result().owned
    assert [text_of(store, generation) for generation in (first, last)] == ["Hi", "Hi"]


def test_text_is_written_soon_after_a_silence_and_else_once_in_an_interval(
    generations, mailbox, store, clock
):
    began = clock()
    with running(mailbox) as writer:
        (generation,) = generations(1, writer)
        wait_until(lambda: writer.rounds)  # it has just looked for leases to renew

        def script(call):
            yield "one "
            wait_until(lambda: text_of(store, generation) == "one ")
            assert clock() - began == pytest.approx(FIRST_WRITE_DELAY)
            yield "two "
            wait_until(lambda: text_of(store, generation) == "one two ")
            assert clock() - began == pytest.approx(FIRST_WRITE_DELAY + WRITE_INTERVAL)
            clock.sleep(1)
            yield "three "
            wait_until(lambda: text_of(store, generation) == "one two three ")
            assert clock() - began == pytest.approx(1 + 2 * FIRST_WRITE_DELAY + WRITE_INTERVAL)

        assert generation.run(ScriptedModel(script), 4).owned


@pytest.mark.parametrize("lost", ["lost_requests", "lost_answers"])
def test_replies_continue_after_redis_was_away(
    generations, mailbox, store, unreliable, clock, lost
):
    with running(mailbox) as writer:
        (generation,) = generations(1, writer)

        def script(call):
            setattr(unreliable, lost, 3)
            yield "one "
            wait_until(lambda: getattr(unreliable, lost) == 0)
            yield "two "
            wait_until(lambda: text_of(store, generation) == "one two ")
            yield "three"

        assert generation.run(ScriptedModel(script), 4).owned
    assert text_of(store, generation) == "one two three"


def test_generations_end_when_redis_is_away_for_longer_than_the_timeout(
    generations, mailbox, store, unreliable, clock
):
    began = clock()
    with running(mailbox) as writer:
        some = generations(3, writer)
        unreliable.lost_requests = 100_000

        def script(call):
            yield "one "
            wait_until_cancelled(call)

        with all_running(some, script) as ended:
            pass
    assert all(isinstance(future.exception(), RedisUnavailable) for future in ended)
    assert clock() - began > REDIS_OUTAGE_TIMEOUT


def test_a_worker_that_shuts_down_releases_all_sessions(generations, mailbox):
    with running(mailbox) as writer:
        some = generations(3, writer)
        begun = threading.Barrier(4)

        def script(call):
            yield "one "
            begun.wait(TIMEOUT)
            wait_until_cancelled(call)

        with all_running(some, script) as ended:
            begun.wait(TIMEOUT)
            assert not writer.shutting_down
            writer.shut_down()
            assert writer.shutting_down
        assert [future.result().queued for future in ended] == [True] * 3
    for generation in some:
        assert must_claim(mailbox, generation.claim.token).text == "one "


def test_no_write_of_a_generation_is_under_way_after_it_was_served(generations, store, unreliable):
    under_way, go_on = threading.Event(), threading.Event()

    class SlowMailbox(Mailbox):
        def write(self, writes):
            under_way.set()
            go_on.wait(TIMEOUT)
            return super().write(writes)

    writer = DeltaWriter(SlowMailbox(unreliable, TTL))
    (generation,) = generations(1, writer)

    def script(call):
        yield "one "
        writing.start()
        assert under_way.wait(TIMEOUT)

    writing = threading.Thread(target=writer.write)
    with all_running([generation], script) as ended:
        assert under_way.wait(TIMEOUT)
        assert wait(ended, timeout=0.2).not_done
        go_on.set()
    writing.join()
    assert ended[0].result().owned
    assert text_of(store, generation) == "one "
