"""What is pushed into Celery's queue is what Celery itself would push, and any worker reads it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from celery import Celery

from chat.ids import new_id
from tasks.queue_entry import MASKED_ARGS, QUEUE, TASK
from tasks.task_queue import TaskQueue
from tests.processes import Process, free_port, wait_until

NOT_SENT = {"origin"}  # the process that sent the task; nothing uses it
# Where a result would be sent, and an option that Celery copies from the headers.
NOT_SET = {"reply_to", "argsrepr"}
OF_EACH_MESSAGE = {"id", "root_id", "correlation_id", "delivery_tag"}


@pytest.fixture
def broker_url(client: redis.Redis) -> str:
    server = client.connection_pool.connection_kwargs
    return f"redis://{server['host']}:{server['port']}"


@pytest.fixture
def queue(broker_url: str) -> TaskQueue:
    return TaskQueue(broker_url)


def pop(client: redis.Redis) -> dict:
    entry = json.loads(client.rpop(QUEUE))
    entry["body"] = json.loads(base64.b64decode(entry["body"]))
    return entry


def same(message: dict) -> dict:
    return {name: value for name, value in message.items() if name not in OF_EACH_MESSAGE}


def test_an_entry_is_the_one_that_celery_writes(queue, client, broker_url):
    token = new_id()
    app = Celery(broker=broker_url, set_as_current=False)
    with app:
        app.send_task(TASK, (token,), argsrepr=MASKED_ARGS)
    celerys = pop(client)
    for name in NOT_SENT:
        del celerys["headers"][name]
    for name in NOT_SET:
        del celerys["properties"][name]

    assert queue.enqueue([token])
    ours = pop(client)

    assert ours["properties"].keys() == celerys["properties"].keys()
    assert ours["headers"].keys() == celerys["headers"].keys()
    for part in ("properties", "headers"):
        ours[part], celerys[part] = same(ours[part]), same(celerys[part])
    assert ours == celerys


def test_each_entry_has_its_own_ids_and_the_first_session_is_taken_first(queue, client):
    tokens = [new_id() for _ in range(3)]
    assert queue.enqueue(tokens)
    assert queue.length() == 3
    entries = [pop(client) for _ in tokens]
    assert [entry["body"][0] for entry in entries] == [[token] for token in tokens]
    ids = [entry["headers"]["id"] for entry in entries]
    assert ids == [entry["properties"]["correlation_id"] for entry in entries]
    assert len(set(ids)) == len(tokens)


PLAIN_WORKER = """
from celery import Celery
app = Celery(broker={url!r}, result_backend=None)
@app.task(name={name!r})
def reply(token):
    print(f"ran for {{token}}", flush=True)
"""


def test_a_plain_celery_worker_runs_the_task(queue, broker_url, tmp_path: Path):
    (tmp_path / "plain.py").write_text(PLAIN_WORKER.format(url=broker_url, name=TASK))
    token = new_id()
    assert queue.enqueue([token])
    command = ["celery", "--workdir", str(tmp_path), "-A", "plain", "worker", "-P", "solo"]
    name = f"plain-{free_port()}@test"
    worker = Process([*command, "-n", name, "--loglevel", "INFO"], {}, tmp_path / "worker.log")
    try:
        wait_until(lambda: f"ran for {token}" in worker.output() or not worker.running)
        assert f"ran for {token}" in worker.output()
    finally:
        worker.kill()


def test_a_broker_that_is_away_is_logged_once_and_raises_nothing(caplog):
    queue = TaskQueue(f"redis://127.0.0.1:{free_port()}")
    token = new_id()
    assert not queue.enqueue([token])
    assert not queue.enqueue([token])
    assert caplog.text.count("tasks cannot be enqueued, recovery will do it") == 1
    assert token not in caplog.text


def test_the_web_process_does_not_load_celery():
    check = "import sys, web.app; assert 'celery' not in sys.modules and 'kombu' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)
