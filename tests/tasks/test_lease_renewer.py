"""A worker's lease renewer serves all of its generations."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest
from tasks.lease_renewer import LeaseRenewer

from chat.mailbox import Claim
from chat.session_store import LEASED
from chat.timing import FLUSH_INTERVAL, LEASE_DURATION
from tasks.generation import Generation
from tests.chat.mailbox_steps import end_lease, must_claim, send, texts
from tests.tasks.conftest import ScriptedModel

MANY = 20
TIMEOUT = 60.0


@pytest.fixture
def renewer(mailbox):
    return LeaseRenewer(mailbox)


def claims(mailbox, store, count) -> list[Claim]:
    tokens = [store.create("Ada").token for _ in range(count)]
    for token in tokens:
        send(mailbox, token, "hello")
    return [must_claim(mailbox, token) for token in tokens]


def run_silent(generation):
    """Run a generation whose model is silent until the call is cancelled."""

    def silence(call):
        call.sleep(TIMEOUT)
        yield ""

    return generation.run(ScriptedModel(silence), 4)


def test_all_leases_are_renewed(renewer, mailbox, store, client):
    generations = [Generation(mailbox, claim, TIMEOUT) for claim in claims(mailbox, store, MANY)]
    for generation in generations:
        end_lease(client, generation.claim.token)
    renewer.renew(generations)
    now = client.time()[0]
    for generation in generations:
        assert client.zscore(LEASED, generation.claim.token) / 1e6 >= now + LEASE_DURATION - 1


def test_a_generation_that_lost_its_lease_is_aborted_and_the_others_are_renewed(
    renewer, mailbox, store, client
):
    generations = [Generation(mailbox, claim, TIMEOUT) for claim in claims(mailbox, store, 3)]
    lost = generations[1]
    end_lease(client, lost.claim.token)
    other_worker = must_claim(mailbox, lost.claim.token)
    renewer.renew(generations)
    assert not run_silent(lost).owned
    renewals = [(g.claim.token, g.claim.lease_id) for g in generations]
    assert mailbox.renew(renewals) == [True, False, True]
    assert mailbox.append(lost.claim.token, other_worker.lease_id, 1, 0, "Hi")


def test_text_that_has_waited_is_flushed_while_the_model_is_silent(
    renewer, mailbox, store, token, clock
):
    send(mailbox, token, "hello")
    generation = Generation(mailbox, must_claim(mailbox, token), TIMEOUT)

    def script(call):
        yield "one "
        yield "two"
        renewer.flush([generation])
        assert texts(store, token)[1] == "Bot: one "  # too early
        clock.sleep(FLUSH_INTERVAL)
        renewer.flush([generation])
        assert texts(store, token)[1] == "Bot: one two"

    assert generation.run(ScriptedModel(script), 4).owned


def test_a_lost_lease_does_not_keep_the_renewer_from_flushing_the_others(
    renewer, mailbox, store, clock
):
    lost, other = (Generation(mailbox, claim, TIMEOUT) for claim in claims(mailbox, store, 2))

    def other_script(call):
        yield "one "
        yield "two"
        clock.sleep(FLUSH_INTERVAL)
        renewer.flush([lost, other])
        assert texts(store, other.claim.token)[1] == "Bot: one two"

    def lost_script(call):
        yield "one "
        yield "two"
        mailbox.stop(lost.claim.token, lost.claim.message_id)
        assert other.run(ScriptedModel(other_script), 4).owned
        call.sleep(TIMEOUT)  # cancelled

    assert not lost.run(ScriptedModel(lost_script), 4).owned
    assert texts(store, lost.claim.token)[1] == "Bot: one "


def test_a_draining_worker_releases_all_sessions(renewer, mailbox, store, monkeypatch):
    done = threading.Event()

    class Time:
        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def sleep(seconds):
            if done.wait(seconds):
                raise SystemExit

    monkeypatch.setattr("tasks.lease_renewer.time", Time)
    generations = [Generation(mailbox, claim, TIMEOUT) for claim in claims(mailbox, store, 3)]
    results = []

    def answer(generation):
        with renewer.renewing(generation):
            results.append(run_silent(generation))

    def renew_until_done():
        with suppress(SystemExit):
            renewer.run()

    threads = [threading.Thread(target=answer, args=(g,)) for g in generations]
    loop = threading.Thread(target=renew_until_done)
    for thread in (*threads, loop):
        thread.start()
    assert not renewer.draining
    renewer.drain()
    assert renewer.draining
    for thread in threads:
        thread.join()
    done.set()
    loop.join()
    assert [result.queued for result in results] == [True] * 3
    for generation in generations:
        must_claim(mailbox, generation.claim.token)
