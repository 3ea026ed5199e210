"""What a loop logs while something refuses, and how long it waits."""

from __future__ import annotations

import logging

import pytest
import redis

from chat import outage
from chat.outage import LONGEST_PAUSE, SETTLED_AFTER, Outage

log = logging.getLogger(__name__)


@pytest.fixture
def it(monkeypatch, caplog) -> Outage:
    monkeypatch.setattr(outage, "SETTLED_AFTER", 0.0)
    return Outage(log, "it fails")


def test_it_is_said_once_and_once_that_it_is_over(it, caplog):
    for _ in range(5):
        it.failed(redis.ReadOnlyError("You can't write", status_code="READONLY"))
    for _ in range(5):
        it.worked()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["it fails: READONLY You can't write", "it fails: over, it lasted 0.0 s"]


def test_the_reason_that_follows_a_closed_connection_is_said_too(it, caplog):
    for _ in range(3):
        it.failed(redis.ConnectionError("Connection closed by server."))
        it.failed(redis.AuthenticationError("Authentication required.", status_code="NOAUTH"))
    assert len(caplog.records) == 2
    assert "NOAUTH" in caplog.text


def test_causes_that_are_ever_new_fill_no_log(it, caplog):
    for number in range(100):
        it.failed(redis.ResponseError(f"{number} is wrong"))
    assert len(caplog.records) < 10


def test_each_try_waits_longer_up_to_a_bound(it):
    pauses = [it.failed(redis.ConnectionError("gone")) for _ in range(50)]
    assert pauses[0] <= 0.1
    assert max(pauses) <= LONGEST_PAUSE
    assert min(pauses[10:]) >= LONGEST_PAUSE / 2
    it.worked()
    assert it.failed(redis.ConnectionError("gone")) <= 0.1


def test_a_command_that_works_between_failures_ends_nothing(caplog):
    it = Outage(log, "it fails")
    for _ in range(3):
        it.failed(redis.ReadOnlyError("no"))
        it.worked()
    assert len(caplog.records) == 1


def test_an_outage_ends_later_than_a_loop_may_pause():
    """Or a loop that tries again after its longest pause would say that it is over each time."""
    assert SETTLED_AFTER > LONGEST_PAUSE


def test_a_token_in_a_pipeline_is_not_said(it, caplog, client):
    token = "9d3b6a52-7f0e-4c8c-9b0a-8f0d3a1c2b4d"
    client.set(token, "no document")
    pipe = client.pipeline()
    pipe.execute_command("JSON.GET", token)
    with pytest.raises(redis.ResponseError) as refused:
        pipe.execute()
    it.failed(refused.value)
    assert "wrong Redis type" in caplog.text
    assert token not in caplog.text
