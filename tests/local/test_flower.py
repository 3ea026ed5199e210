"""Flower watches the workers and sees no token."""

from __future__ import annotations

import json
import subprocess

import pytest
import requests

from chat.ids import new_id
from tasks.queue_entry import QUEUE, Entry, celery_message
from tests import directives
from tests.clients import Events, begin
from tests.processes import ROOT, Process, free_port, wait_until


@pytest.fixture
def flower(system, tmp_path):
    port = free_port()
    command = ["celery", "-A", "tasks", "flower", "--address=127.0.0.1", f"--port={port}"]
    env = {**system.env, "FLOWER_UNAUTHENTICATED_API": "true"}
    process = Process(command, env, tmp_path / "flower.log")
    process.url = f"http://127.0.0.1:{port}"
    yield process
    process.kill()


def fetch(flower, path: str) -> str:
    try:
        return requests.get(flower.url + path, timeout=20).text
    except requests.ConnectionError:
        return ""


def inspect_active(system) -> str:
    """Return the running tasks as `celery inspect` prints them; Flower gets the same answer."""
    command = [*system.workers[0].command[:3], "-A", "tasks", "inspect", "active"]
    env = system.workers[0].env
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    return done.stdout


def test_a_revoked_task_is_not_run(system):
    entry = Entry(new_id(), new_id())
    command = [*system.workers[0].command[:3], "-A", "tasks", "control", "revoke", entry.id]
    subprocess.run(command, cwd=ROOT, env=system.workers[0].env, check=True, timeout=60)
    system.client.lpush(QUEUE, json.dumps(celery_message(entry)))
    wait_until(lambda: f"Discarding revoked task: tasks.reply[{entry.id}]" in system.output())


def test_it_shows_workers_and_tasks_and_no_token(system, flower):
    wait_until(lambda: fetch(flower, "/workers?json=1").count("heartbeat") > 1)
    socket = Events(system.web.ws, begin(system.web.url))

    def shows_tasks() -> bool:
        """Workers send events of tasks only once Flower, which asks every 5 s, wants them."""
        socket.until_answered(socket.say("hello"))
        return '"tasks.reply"' in fetch(flower, "/api/tasks")

    wait_until(shows_tasks)
    wait_until(lambda: '"SUCCESS"' in fetch(flower, "/api/tasks"))
    with directives.held(system, at=1) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        wait_until(lambda: '"tasks.reply"' in fetch(flower, "/api/tasks"))
        active = inspect_active(system)
        assert "tasks.reply" in active
        output = (
            active
            + fetch(flower, "/api/workers?refresh=true")
            + fetch(flower, "/api/tasks")
            + flower.output()
        )
        hold.release()
        socket.until_answered(message_id)
    assert socket.token not in output
