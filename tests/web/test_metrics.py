"""What `/metrics` shows, on running web and worker processes, and to whom."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest
import requests

from chat import metrics
from chat.errors import error_codes
from tests import directives
from tests.clients import Events, Plain, begin, history, open_websocket
from tests.processes import Web, wait_until
from tests.scrape import Scrape
from tests.system import System

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two web processes and two workers that nobody else uses, since their counts are compared."""
    with System(tmp_path_factory.mktemp("metrics")) as system:
        yield system


def until(web: Web, name: str, value: float, **labels: str) -> Scrape:
    """Scrape until the sum of a metric is ``value``: others publish every few seconds."""
    found: list[Scrape] = []

    def shows() -> bool:
        found.append(Scrape(web))
        return found[-1].sum(name, **labels) == value

    wait_until(shows)
    return found[-1]


def test_one_scrape_of_any_web_process_shows_all_processes(system):
    first, second = system.webs
    clients = [Events(web.ws, begin(web.url)) for web in system.webs for _ in range(4)]
    plain = Plain(first.ws, begin(first.url))
    for client in clients:
        client.until_answered(client.say(directives.words(9)))
    plain.say("hello")
    plain.reply()
    for web in system.webs:
        scrape = until(web, "chat_replies_total", 9, status="done")
        until(web, "chat_websockets", 8, mode="events")
        assert scrape.sum("chat_processes", role="web") == 2
        assert scrape.sum("chat_processes", role="worker") == 2
    scrape = until(second, "chat_message_steps_total", 9, step="accepted")
    assert len(scrape.processes("chat_message_steps_total") & scrape.processes("chat_websockets"))
    assert scrape.sum("chat_websockets", mode="plain") == 1
    assert scrape.sum("chat_sessions_connected") == 9
    assert scrape.sum("chat_sessions_created_total") == 9
    for step in ("enqueued", "claimed", "first_delta", "finished"):
        until(second, "chat_message_steps_total", 9, step=step)
    for timed in ("chat_queue_seconds", "chat_first_token_seconds", "chat_reply_seconds"):
        assert scrape.sum(f"{timed}_count") == 9
        assert 0 < scrape.sum(f"{timed}_sum") < 60
    assert scrape.sum("chat_tokens_total") >= 8 * 9
    assert scrape.sum("chat_model_requests_total") == 9
    assert scrape.sum("chat_redis_round_trips_total", role="web") > 9
    assert scrape.sum("chat_redis_round_trips_total", role="worker") > 9
    assert scrape.sum("chat_reply_slots") == 100
    assert scrape.sum("chat_worker_heartbeat_age_seconds") < 15
    assert scrape.sum("chat_redis_up") == 1
    for client in clients:
        client.socket.close()
    plain.close()


def test_failures_and_retries_and_refusals_are_counted_by_code(system):
    before = Scrape(system.web)
    client = Events(system.web.ws, begin(system.web.url))
    assert client.until_answered(client.say(directives.status(400)))["code"] == "model_refused"
    client.until_answered(client.say("[[status=503 times=2 name=retried]] please"))
    client.say(" ")
    client.until_type("error")
    plain = Plain(system.web.ws, begin(system.web.url))
    plain.say("x" * 5000)
    assert plain.reply()["error"] == "too_long"

    def grown(name: str, **labels: str) -> float:
        return Scrape(system.web).sum(name, **labels) - before.sum(name, **labels)

    wait_until(lambda: grown("chat_replies_total", status="failed", code="model_refused") == 1)
    wait_until(lambda: grown("chat_model_retries_total") == 2)
    assert grown("chat_replies_total", status="failed") == 1
    assert grown("chat_refusals_total", code="invalid") == 1
    assert grown("chat_refusals_total", code="too_long") == 1
    assert grown("chat_refusals_total") == 2


def test_a_slow_stream_shows_its_pace_and_the_slot_that_it_takes(system):
    before = Scrape(system.web)
    client = Events(system.web.ws, begin(system.web.url))
    message_id = client.say(directives.words(120, delay=0.1))  # 12 s, longer than PUBLISH_INTERVAL
    wait_until(lambda: Scrape(system.web).sum("chat_replies_running") == 1)
    tokens = "chat_tokens_total"
    wait_until(lambda: Scrape(system.web).sum(tokens) > before.sum(tokens))
    assert "streaming" in str(history(system.web.url, client.token))  # they are counted meanwhile
    client.until_answered(message_id)
    count = "chat_reply_tokens_per_second_count"
    wait_until(lambda: Scrape(system.web).sum(count) > before.sum(count))
    scrape = Scrape(system.web)
    rate = scrape.sum("chat_reply_tokens_per_second_sum") - before.sum(
        "chat_reply_tokens_per_second_sum"
    )
    assert 1 < rate < 11
    until(system.web, "chat_replies_running", 0)


def test_a_relay_that_reconnects_is_counted(system):
    before = Scrape(system.web).sum("chat_relay_reconnects_total")
    Events(system.web.ws, begin(system.web.url))
    system.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    wait_until(lambda: Scrape(system.web).sum("chat_relay_reconnects_total") > before)


def test_a_client_that_does_not_read_is_counted(system):
    token = begin(system.web.url)
    small = ((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),)
    slow = open_websocket(
        system.web.ws, subprotocols=["chat.events.v1", f"bearer.{token}"], sockopt=small
    )
    talker = Events(system.web.ws, token)

    def is_counted() -> bool:
        talker.until_answered(talker.say(directives.words(10_000)))
        return Scrape(system.web).sum("chat_send_queues_closed_total") == 1

    wait_until(is_counted)
    slow.shutdown()


def test_labels_have_a_few_fixed_values_and_no_line_has_a_token_or_an_id(system):
    token = begin(system.web.url)
    client = Events(system.web.ws, token)
    message_id = client.say("hello")
    client.until_answered(message_id)
    scrape = Scrape(system.web)
    assert token not in scrape.text
    assert message_id not in scrape.text
    assert not UUID.search(scrape.text)
    fixed = {
        "step": set(metrics.STEPS),
        "status": {"done", "stopped", "failed"},
        "code": {"", *error_codes()},
        "mode": {"events", "plain"},
        "role": {"web", "worker"},
    }
    for sample in scrape.samples:
        for label, value in sample.labels.items():
            assert label in ("process", "le") or value in fixed[label], sample
    of_all = [sample for sample in scrape.samples if "process" in sample.labels]
    of_one = [sample for sample in of_all if sample.labels["role"] == "worker"]
    processes = {sample.labels["process"] for sample in of_one}
    assert len(of_one) / len(processes) < 300


def test_a_process_that_ends_publishes_what_it_has_counted_last(tmp_path):
    with System(tmp_path, webs=2, workers=1) as system:
        client = Events(system.webs[1].ws, begin(system.web.url))
        client.until_answered(client.say("hello"))
        for process in (system.workers[0], system.webs[1]):
            process.stop()
        scrape = Scrape(system.web)
        assert scrape.sum("chat_message_steps_total", step="accepted") == 1
        assert scrape.sum("chat_websockets") == 0
        assert scrape.sum("chat_replies_total") == 1
        assert scrape.sum("chat_replies_running") == 0


def test_a_message_that_no_worker_begins_shows_how_long_it_waits(tmp_path):
    with System(tmp_path, webs=1, workers=1) as system:
        system.workers[0].kill()
        waits = [Events(system.web.ws, begin(system.web.url)) for _ in range(2)]
        for client in waits:
            client.say("hello")
            client.until_type("ack")
        wait_until(lambda: Scrape(system.web).sum("chat_oldest_waiting_seconds") > 2)
        scrape = Scrape(system.web)
        assert scrape.sum("chat_messages_waiting") == 2
        assert scrape.sum("chat_sessions_queued") == 2
        wait_until(lambda: Scrape(system.web).sum("chat_processes", role="worker") == 0)
        assert Scrape(system.web).sum("chat_oldest_waiting_seconds") > 5


def test_a_message_behind_a_running_reply_of_its_session_does_not_count_as_waiting(system):
    client = Events(system.web.ws, begin(system.web.url))
    with directives.held(system, at=2) as hold:
        client.say(hold.ask)
        hold.wait()
        second = client.say("hello")
        client.until(lambda frame: frame.get("id") == second)
        scrape = until(system.web, "chat_messages_waiting", 1)
        assert scrape.sum("chat_oldest_waiting_seconds") == 0
        assert scrape.sum("chat_sessions_leased") == 1
        hold.release()
        client.until_answered(second)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]"}, 200),
        ({"Host": "[::1]:3500"}, 200),
        ({"X-Forwarded-For": "127.0.0.1"}, 403),
        ({"Forwarded": "for=127.0.0.1"}, 403),
        ({"Host": "chat.example.com"}, 403),
        ({"Host": "localhost.example.com"}, 403),
        ({"Host": "["}, 403),
    ],
)
def test_without_a_token_only_this_machine_may_read_and_no_proxy_on_it(system, headers, status):
    response = requests.get(f"{system.web.url}/metrics", headers=headers, timeout=20)
    assert response.status_code == status
    if status == 403:
        assert "METRICS_TOKEN" in response.json()["detail"]


def test_with_a_token_whoever_has_it_may_read_and_nobody_else(tmp_path):
    with System(tmp_path, webs=1, workers=0, METRICS_TOKEN="swordfish") as system:

        def status(**headers: str) -> int:
            url = f"{system.web.url}/metrics"
            response = requests.get(url, headers=headers, timeout=20)
            if response.status_code != 200:
                assert response.headers["WWW-Authenticate"] == "Bearer"
                assert set(response.json()) == {"detail"}
            return response.status_code

        assert status() == 401
        assert status(Authorization="Bearer sword") == 401
        assert status(Authorization="Basic swordfish") == 401
        assert status(Authorization="Bearer sw\xf6rdfish") == 401
        assert status(Authorization="Bearer swordfish") == 200
        everywhere = {"Host": "chat.example.com", "X-Forwarded-For": "192.0.2.1"}
        assert status(Authorization="bearer swordfish", **everywhere) == 200
        assert "swordfish" not in system.output()
