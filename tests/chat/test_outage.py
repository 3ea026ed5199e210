"""What a loop logs during an outage, and how long it waits between its tries."""

from __future__ import annotations

import logging

import pytest
import redis

from chat.outage import LONGEST_PAUSE, SETTLED_AFTER, Outage

log = logging.getLogger(__name__)


@pytest.fixture
def outage(monkeypatch, caplog) -> Outage:
    monkeypatch.setattr("chat.outage.SETTLED_AFTER", 0.0)
    return Outage(log, "it fails")


def test_an_outage_and_its_end_are_each_logged_once(outage, caplog):
    for _ in range(5):
        outage.failed(redis.ReadOnlyError("You can't write", status_code="READONLY"))
    for _ in range(5):
        outage.worked()
    logged = [record.getMessage() for record in caplog.records]
    assert logged == ["it fails: READONLY You can't write", "it fails: over after 0.0 s"]


def test_a_second_cause_is_logged_too(outage, caplog):
    for _ in range(3):
        outage.failed(redis.ConnectionError("Connection closed by server."))
        outage.failed(redis.AuthenticationError("Authentication required.", status_code="NOAUTH"))
    assert len(caplog.records) == 2
    assert "NOAUTH" in caplog.text


def test_the_number_of_logged_causes_is_bounded(outage, caplog):
    for number in range(100):
        outage.failed(redis.ResponseError(f"{number} is wrong"))
    assert len(caplog.records) < 10


def test_pauses_grow_up_to_a_bound_and_start_again_after_the_outage(outage):
    pauses = [outage.failed(redis.ConnectionError("gone")) for _ in range(50)]
    assert pauses[0] <= 0.1
    assert max(pauses) <= LONGEST_PAUSE
    assert min(pauses[10:]) >= LONGEST_PAUSE / 2
    outage.worked()
    assert outage.failed(redis.ConnectionError("gone")) <= 0.1


def test_a_success_between_two_failures_does_not_end_the_outage(caplog):
    outage = Outage(log, "it fails")
    for _ in range(3):
        outage.failed(redis.ReadOnlyError("no"))
        outage.worked()
    assert len(caplog.records) == 1


def test_a_success_right_after_the_longest_pause_does_not_end_the_outage():
    """Otherwise a loop that fails at each second try would log an end each time."""
    assert SETTLED_AFTER > LONGEST_PAUSE


def test_the_token_of_a_failed_pipeline_is_not_logged(outage, caplog, client):
    token = "9d3b6a52-7f0e-4c8c-9b0a-8f0d3a1c2b4d"
    client.set(token, "no document")
    pipe = client.pipeline()
    pipe.execute_command("JSON.GET", token)
    with pytest.raises(redis.ResponseError) as raised:
        pipe.execute()
    outage.failed(raised.value)
    assert "wrong Redis type" in caplog.text
    assert token not in caplog.text
