"""Faults of the first model, and of both: who answers, who is blamed, and how long it takes."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
import trustme

from chat.errors import ModelError, ModelRefused, ModelTimeout, ModelUnavailable
from tasks.models import circuit_breaker
from tasks.models.circuit_breaker import MAX_FAILURES, CircuitBreaker, Permission
from tasks.models.failures import ModelUnusable
from tasks.models.retry_policy import MAX_TRIES_BEFORE_SUCCESSOR
from tests.processes import wait_until
from tests.tasks.models.conftest import PATHS
from tests.tasks.models.keep_alive_server import keep_alive_server
from tests.tasks.models.raw_server import Answer, cut_stream, head, http, raw_server
from tests.tasks.models.test_failover import (
    SECOND,
    answered,
    broken,
    error,
    models,
    piece,
    second,
    silence,
    stream,
)

__all__ = ["models", "second"]  # fixtures

STREAM = head("200 OK", **{"Content-Type": "text/event-stream"})
BUSY = http({"error": "busy"}, "429 Busy", **{"Retry-After": "60"})
EVENT = {
    "choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}, "finish_reason": "length"}]
}


def hang(client: socket.socket) -> None:
    """Send no more than a head."""
    client.sendall(STREAM)
    silence(client)


def ping(client: socket.socket) -> None:
    """Send comments without end."""
    client.sendall(STREAM)
    while True:
        client.sendall(b": ping\n\n")
        time.sleep(0.05)


def drip(client: socket.socket) -> None:
    """Send a head that never ends."""
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        client.sendall(b"X-A: b\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [hang, ping, drip])
def test_a_model_that_sends_no_text_is_left_after_half_of_the_time(models, second, answer):
    with raw_server(answer) as first:
        since = time.monotonic()
        assert answered(models(first.url + PATHS["completions"]), timeout=2.0)[0] == "second"
        assert 0.9 < time.monotonic() - since < 2
        assert (len(first.requests), len(second.requests)) == (1, 1)


@pytest.mark.parametrize(
    "answer",
    [
        http({"error": {"message": "boom", "type": "server_error"}}),
        http({"error": {"message": "no such model", "code": "model_not_found"}}),
        http({}),
        http(b"OK", **{"Content-Type": "text/plain"}),
        http(b"", "204 No Content"),
        http(b"<html>Forbidden</html>", "403 Forbidden"),
        http(b"insufficient_quota", "400 Bad Request"),
        BUSY,
        error("520 Unknown"),
        error("405 Method Not Allowed"),
        error("421 Misdirected Request"),
        error("426 Upgrade Required"),
        error("404 Not Found", message="The API deployment for this resource does not exist"),
    ],
    ids=range(13),
)
def test_the_second_model_answers_for_a_broken_one(models, second, answer: Answer):
    with raw_server(answer) as first:
        assert answered(models(first.url + PATHS["completions"])) == ("second", "two")
        assert 1 <= len(first.requests) <= MAX_TRIES_BEFORE_SUCCESSOR
    assert len(second.requests) == 1


@pytest.mark.parametrize(
    "answers", [[broken("a "), error("500 Broken")], [cut_stream(piece("a ")), error("503 No")]]
)
def test_half_a_stream_is_continued_by_the_second(models, second, answers):
    second._answers = [stream(piece(" b "), SECOND)]
    with raw_server(*answers) as first:
        assert answered(models(first.url + PATHS["completions"])) == ("a b second", "two")
        assert len(first.requests) <= MAX_TRIES_BEFORE_SUCCESSOR + 1


def test_streams_that_break_each_time_are_bounded_for_both_together(models, second):
    second._answers = [broken("b ")]
    with raw_server(broken("a ")) as first:
        with pytest.raises(ModelUnavailable):
            answered(models(first.url + PATHS["completions"]), timeout=200.0)
        assert len(first.requests) + len(second.requests) <= 12


def test_a_thought_without_text_is_no_fault_of_the_model(models, second):
    with raw_server(stream(EVENT)) as first, pytest.raises(ModelRefused, match="MAX_NEW_TOKENS"):
        answered(models(first.url + PATHS["completions"]))
    assert not second.requests


@pytest.fixture
def untrusted() -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with keep_alive_server(lambda client, number: False, context) as server:
        yield f"https://127.0.0.1:{server.port}{PATHS['completions']}"


def test_bad_certificates_and_no_tls_at_all_lead_to_the_second(models, second, untrusted):
    for url in (untrusted, second.url.replace("http:", "https:") + PATHS["completions"]):
        assert answered(models(url))[0] == "second"


@pytest.mark.parametrize(
    ("first_answer", "second_answer", "blamed"),
    [
        (error("401 No"), error("500 Broken"), ModelUnavailable),
        (error("401 No"), error("404 No"), ModelUnusable),
        (error("500 Broken"), error("500 Broken"), ModelUnavailable),
        (BUSY, BUSY, ModelUnavailable),
        # The next try may reach the first one: no reason to call the operator.
        (error("500 Broken"), error("401 No"), ModelUnavailable),
        (hang, error("401 No"), ModelTimeout),
        (error("401 No"), hang, ModelTimeout),
        # It is the message that the second one refuses.
        (error("500 Broken"), error("400 Bad", message="content_filter"), ModelRefused),
    ],
    ids=range(8),
)
def test_if_both_fail_the_failure_that_may_pass_is_told(
    models, second, first_answer: Answer, second_answer: Answer, blamed: type[ModelError]
):
    second._answers = [second_answer]
    since = time.monotonic()
    with raw_server(first_answer) as first, pytest.raises(ModelError) as raised:
        answered(models(first.url + PATHS["completions"]), timeout=3.0)
    assert isinstance(raised.value, blamed)
    assert time.monotonic() - since < 4
    if blamed is not ModelUnusable:
        assert not isinstance(raised.value, ModelUnusable)


def test_of_many_workers_one_is_the_probe_and_every_key_expires(client, monkeypatch):
    monkeypatch.setattr(circuit_breaker, "OPEN_DURATION", 0.2)
    workers = [CircuitBreaker(client, "m") for _ in range(20)]

    def all_at_once(step) -> None:
        threads = [threading.Thread(target=step, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    for worker in workers[:MAX_FAILURES]:
        worker.failed()
    assert {worker.ask() for worker in workers} == {Permission.OPEN}
    wait_until(lambda: not client.keys("chat:model:*:open"))
    answers: list[Permission] = []
    all_at_once(lambda worker: answers.append(worker.ask()))
    assert answers.count(Permission.PROBE) == 1
    assert set(answers) == {Permission.PROBE, Permission.OPEN}
    all_at_once(lambda worker: worker.failed())
    keys = client.keys("chat:model:*")
    assert keys
    assert all(client.pttl(key) > 0 for key in keys)
