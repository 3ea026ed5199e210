"""How processes publish their metrics and read those of others, on a real Redis."""

from __future__ import annotations

import json
import logging

from prometheus_client.metrics_core import Metric

from chat import metrics
from chat.message_log import log_end, log_step
from chat.metrics_exchange import (
    EXPIRY,
    Publisher,
    Snapshot,
    merged,
    one_process_each,
    own_snapshot,
    read_snapshots,
)
from chat.process_name import process_name


def value(families: list[Metric], name: str, **labels: str) -> float:
    found = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found)


def test_what_a_process_publishes_is_read_with_its_name_and_role(client):
    running = iter([3, 4])
    publisher = Publisher(client, "worker", lambda: metrics.replies_running.set(next(running)))
    before = value(merged([own_snapshot("worker")]), "chat_message_steps_total", step="claimed")
    log_step("claimed", "token", "id")
    publisher.publish()
    [snapshot] = read_snapshots(client)
    assert (snapshot.process, snapshot.role) == (process_name(), "worker")
    families = merged([snapshot])
    own = {"process": process_name(), "role": "worker"}
    assert value(families, "chat_message_steps_total", step="claimed", **own) == before + 1
    assert value(families, "chat_replies_running", **own) == 3


def test_a_process_that_publishes_no_more_is_forgotten(client):
    publisher = Publisher(client, "web", lambda: None)
    publisher.publish()
    assert 0 < client.pttl(f"chat:metrics:{process_name()}") <= EXPIRY * 1000
    client.delete(f"chat:metrics:{process_name()}")
    assert read_snapshots(client) == []


def test_metrics_of_another_version_and_garbage_are_left_out(client, caplog):
    caplog.set_level(logging.WARNING)
    sample = ["chat_tokens", "chat_tokens_total", {}, 5.0]
    newer = ["worker", [sample, ["chat_new", "chat_new_total", {}, 1.0]]]
    texts = {"a:1": json.dumps(newer), "b:2": "{", "c:3": "[1]", "d:4": '["web", 7]'}
    for process, text in texts.items():
        client.set(f"chat:metrics:{process}", text)
        client.zadd("chat:metrics", {process: 1})
    snapshots = read_snapshots(client)
    assert [snapshot.process for snapshot in snapshots] == ["a:1"]
    families = merged(snapshots)
    assert value(families, "chat_tokens_total", process="a:1", role="worker") == 5
    assert "chat_new" not in {family.name for family in families}


def test_a_process_shows_its_own_metrics_as_they_are_now():
    old, other = Snapshot("a:1", "web", []), Snapshot("b:2", "worker", [])
    own = Snapshot("a:1", "web", [("chat_tokens", "chat_tokens_total", {}, 1.0)])
    assert one_process_each([old, other], own) == [own, other]


def test_steps_and_ends_are_counted_whatever_is_logged_and_unknown_ones_together(caplog):
    def count(name: str, **labels: str) -> float:
        return value(merged([own_snapshot("web")]), name, **labels)

    steps, replies = "chat_message_steps_total", "chat_replies_total"
    failed = {"status": "failed", "code": "model_timeout"}
    before = (count(steps, step="other"), count(steps, step="finished"), count(replies, **failed))
    logging.getLogger("chat.messages").setLevel(logging.WARNING)
    log_step("never heard of", "token", "id")
    log_end("model_timeout", "token", "id")
    logging.getLogger("chat.messages").setLevel(logging.INFO)
    after = (count(steps, step="other"), count(steps, step="finished"), count(replies, **failed))
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1]
