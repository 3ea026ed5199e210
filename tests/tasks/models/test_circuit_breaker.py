"""The circuit breaker on a real Redis: two workers, one circuit."""

from __future__ import annotations

import pytest

from chat.redis_client import connect
from tasks.models import circuit_breaker
from tasks.models.circuit_breaker import MAX_FAILURES, CircuitBreaker, Permission
from tests.processes import free_port, wait_until

MODEL = "http://model/v1?key=secret"


@pytest.fixture
def workers(client) -> tuple[CircuitBreaker, CircuitBreaker]:
    return CircuitBreaker(client, MODEL), CircuitBreaker(client, MODEL)


def fail(breaker: CircuitBreaker, times: int = MAX_FAILURES) -> None:
    for _ in range(times):
        breaker.failed()


def test_five_failures_in_a_row_open_the_circuit_for_all_workers(workers):
    one, other = workers
    fail(one, MAX_FAILURES - 2)
    fail(other, 1)
    assert one.ask() is other.ask() is Permission.CLOSED
    fail(other, 1)
    assert one.ask() is other.ask() is Permission.OPEN


def test_a_success_in_between_begins_the_count_anew(workers):
    one, other = workers
    fail(one, MAX_FAILURES - 1)
    other.succeeded()
    fail(one, MAX_FAILURES - 1)
    assert one.ask() is Permission.CLOSED


def test_after_a_while_one_probe_at_a_time_is_let_through(workers, monkeypatch):
    monkeypatch.setattr(circuit_breaker, "OPEN_DURATION", 0.05)
    one, other = workers
    fail(one)
    wait_until(lambda: one.ask() is Permission.PROBE)
    assert one.ask() is other.ask() is Permission.OPEN


def probe(breaker: CircuitBreaker) -> None:
    """Wait until the breaker lets a probe through."""
    wait_until(lambda: breaker.ask() is Permission.PROBE)


def test_a_successful_probe_closes_the_circuit(workers, monkeypatch, caplog):
    monkeypatch.setattr(circuit_breaker, "OPEN_DURATION", 0.05)
    one, other = workers
    fail(one)
    probe(other)
    other.succeeded()
    assert one.ask() is Permission.CLOSED
    assert [record.getMessage() for record in caplog.records] == [
        "the model is not asked for 0 s: it has failed",
        "the model answers again",
    ]


def test_a_failed_probe_opens_it_again(workers, monkeypatch):
    monkeypatch.setattr(circuit_breaker, "OPEN_DURATION", 0.05)
    one, other = workers
    fail(one)
    probe(one)
    monkeypatch.setattr(circuit_breaker, "OPEN_DURATION", 30)
    one.failed()
    assert other.ask() is Permission.OPEN


def test_the_next_probe_follows_one_that_was_cancelled_or_whose_worker_died(workers, monkeypatch):
    monkeypatch.setattr(circuit_breaker, "OPEN_DURATION", 0.05)
    monkeypatch.setattr(circuit_breaker, "PROBE_DURATION", 0.05)
    one, other = workers
    fail(one)
    probe(one)
    probe(other)  # the first one's worker has died
    monkeypatch.setattr(circuit_breaker, "PROBE_DURATION", 30)
    probe(one)
    one.abandoned()
    assert other.ask() is Permission.PROBE


def test_failures_that_come_late_do_not_keep_it_open(workers, monkeypatch):
    monkeypatch.setattr(circuit_breaker, "OPEN_DURATION", 0.2)
    one, _ = workers
    fail(one)
    wait_until(lambda: one.failed() or one.ask() is Permission.PROBE)


def test_each_model_has_a_circuit_of_its_own_and_no_key_is_stored(workers, client):
    fail(workers[0])
    assert CircuitBreaker(client, "http://another/v1").ask() is Permission.CLOSED
    keys = client.keys("*")
    assert keys
    assert "secret" not in str(keys)
    assert all(client.ttl(key) > 0 for key in keys)


def test_without_redis_the_model_is_asked():
    breaker = CircuitBreaker(connect(f"redis://127.0.0.1:{free_port()}", retries=0), MODEL)
    fail(breaker)
    breaker.succeeded()
    breaker.abandoned()
    assert breaker.ask() is Permission.CLOSED
