"""Entries in Celery's keys that are not tasks of this project."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.clients import Events, begin
from tests.processes import ROOT, wait_until
from tests.system import System

TOKEN = "9d3b6a52-7f0e-4c8c-9b0a-8f0d3a1c2b4d"
ID = "f3b9a586-f40f-4dd8-b875-16604cc0c2d1"


def encoded(body: object) -> str:
    return base64.b64encode(json.dumps(body).encode()).decode()


def message(**changes: Any) -> dict[str, Any]:
    """Return a task as Celery writes it, with changes; a field that is None is left out."""
    headers = {"lang": "py", "task": "tasks.reply", "id": ID, "eta": None, "expires": None}
    whole = {
        "body": encoded([[TOKEN], {}, {"callbacks": None, "chain": None}]),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers | changes.pop("headers", {}),
        "properties": {
            "delivery_tag": ID,
            "delivery_info": {"exchange": "", "routing_key": "celery"},
            "body_encoding": "base64",
        },
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


DEEP = "[" * 100_000
ENTRIES = {
    "not JSON": f"{TOKEN} is not JSON",
    "bytes": b"\xff\xfe\x00" + TOKEN.encode(),
    "empty": "",
    "a number": "5",
    "a list": json.dumps([TOKEN]),
    "null": "null",
    "an empty dict": "{}",
    "nested": DEEP,
    "a number too long": "9" * 10_000,
    "a kombu type": json.dumps({"__type__": "datetime", "__value__": TOKEN}),
    "no headers": json.dumps({**message(), "headers": None}),
    "headers that are a list": json.dumps({**message(), "headers": [TOKEN]}),
    "no body": json.dumps(message(body=None)),
    "a body that is not base64": json.dumps(message(body=f"?{TOKEN}?")),
    "a body that is a number": json.dumps(message(body=5)),
    "a body of another shape": json.dumps(message(body=encoded({"token": TOKEN}))),
    "a nested body": json.dumps(message(body=base64.b64encode(DEEP.encode()).decode())),
    "a pickled body": json.dumps(
        {
            **message(body=base64.b64encode(b"\x80\x04K\x01.").decode()),
            "content-type": "application/x-python-serialize",
        }
    ),
    "too many arguments": json.dumps(message(body=encoded([[TOKEN, TOKEN], {}, {}]))),
    "keyword arguments": json.dumps(message(body=encoded([[TOKEN], {"a": TOKEN}, {}]))),
    "no token": json.dumps(message(body=encoded([["celery"], {}, {}]))),
    "an unregistered task": json.dumps(message(headers={"task": "tasks.old"})),
    "a task of Celery's": json.dumps(message(headers={"task": "celery.map"})),
    "a task that is a list": json.dumps(message(headers={"task": [TOKEN]})),
    "a task that is a token": json.dumps(message(headers={"task": TOKEN})),
    "an invalid id": json.dumps(message(headers={"id": [TOKEN]})),
}
# These are run like any task; their extra fields are ignored.
HARMLESS = {
    "no properties": json.dumps(message(properties=None)),
    "an unknown content type": json.dumps({**message(), "content-type": "application/x-none"}),
    "a wrong encoding": json.dumps({**message(), "content-encoding": "none"}),
    "an invalid time limit": json.dumps(message(headers={"timelimit": 5})),
    "an invalid start": json.dumps(message(headers={"eta": TOKEN})),
    "a start in a hundred years": json.dumps(message(headers={"eta": "2126-01-01T00:00:00"})),
    "an invalid end": json.dumps(message(headers={"expires": {}})),
    "compression": json.dumps(message(headers={"compression": "zlib"})),
    "callbacks": json.dumps(message(body=encoded([[TOKEN], {}, {"callbacks": [TOKEN]}]))),
}


@pytest.mark.parametrize("name", [*ENTRIES, *HARMLESS])
def test_an_entry_that_is_not_a_task_is_dropped_with_one_line(system: System, name: str):
    before = {worker: len(worker.output()) for worker in system.workers}
    for _ in system.workers:
        system.client.lpush("celery", (ENTRIES | HARMLESS)[name])
    wait_until(lambda: not system.client.llen("celery"))
    socket = Events(system.web.ws, begin(system.web.url))
    socket.until_answered(socket.say("hello"))
    output = "".join(worker.output()[start:] for worker, start in before.items())
    assert all(worker.running for worker in system.workers)
    assert "Traceback" not in output
    assert "the broker" not in output
    assert output.count("dropped") == (len(system.workers) if name in ENTRIES else 0), output
    if name in ENTRIES:
        assert TOKEN not in output
        assert name != "an unregistered task" or "a message for the task tasks.old" in output


def test_an_unreadable_control_message_is_dropped(system: System):
    """Flower and `celery inspect` send them to workers over pub/sub, open to any client."""
    bad = [*ENTRIES.values(), *HARMLESS.values(), json.dumps(message(body=encoded([5])))]
    for entry in bad:
        assert system.client.publish("/0.celery.pidbox", entry) == len(system.workers)
    socket = Events(system.web.ws, begin(system.web.url))
    socket.until_answered(socket.say("hello"))
    assert all(worker.running for worker in system.workers)
    assert "Traceback" not in system.output()
    assert TOKEN not in "".join(worker.output() for worker in system.workers)
    ask = [sys.executable, "-m", "celery", "-A", "tasks", "inspect", "ping", "--json"]
    env = {**os.environ, **system.env}
    answer = subprocess.run(ask, cwd=ROOT, env=env, capture_output=True, check=True, timeout=60)
    assert len(json.loads(answer.stdout)) == len(system.workers)


KEYS = [
    "unacked",
    "unacked_index",
    "unacked_mutex",
    "_kombu.binding.celery",
    "_kombu.binding.celery.pidbox",
    "_kombu.binding_permanent.celery.pidbox",
    "_kombu.binding.celeryev",
]


def test_keys_of_a_wrong_type_do_not_stop_a_worker(system: System):
    for key in KEYS:
        system.client.delete(key)
        system.client.set(key, "poison")
    for worker in system.workers:
        worker.stop()
        worker.start()
        worker.ready()
    socket = Events(system.web.ws, begin(system.web.url))
    socket.until_answered(socket.say("hello"))
    for key in KEYS:
        system.client.delete(key)


def test_a_worker_retries_while_the_queue_is_not_a_list(system: System):
    system.client.delete("celery")
    system.client.set("celery", "poison")
    socket = Events(system.web.ws, begin(system.web.url))
    message_id = socket.say("hello")
    for worker in system.workers:
        wait_until(lambda worker=worker: "WRONGTYPE" in worker.output())
    system.client.delete("celery")
    socket.until_answered(message_id)
    assert all(process.running for process in system.processes)
    assert "Traceback" not in system.output()
