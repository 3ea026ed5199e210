"""Flower watches the workers, sees no token, and lets nobody in unasked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

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
    env = {**system.env, "FLOWER_UNAUTHENTICATED_API": "true", "FLOWER_BASIC_AUTH": ""}
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


def refused(arguments: list[str], env: dict[str, str], folder: Path) -> str:
    """Start Flower, which must end by itself; return what it prints."""
    log = folder / f"{len(list(folder.iterdir()))}.log"
    unset = {"FLOWER_BASIC_AUTH": "", "REDIS_URL": "redis://127.0.0.1:1"}
    process = Process(["celery", "-A", "tasks", "flower", *arguments], unset | env, log)
    try:
        assert process.wait() == 1
    finally:
        process.kill()
    return process.output()


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        ([], {}),
        ([], {"FLOWER_BASIC_AUTH": " , "}),
        (["--address=0.0.0.0"], {}),
        (["--address=::"], {}),
        ([], {"FLOWER_ADDRESS": "0.0.0.0"}),  # noqa: S104
        (["--unix-socket=flower.sock"], {"FLOWER_ADDRESS": "127.0.0.1"}),
    ],
)
def test_it_does_not_start_without_a_login_where_others_reach_it(arguments, env, tmp_path):
    output = refused([f"--port={free_port()}", *arguments], env, tmp_path)
    assert output.startswith("FLOWER_BASIC_AUTH: must be USER:PASSWORD, since ")
    assert "Traceback" not in output


@pytest.mark.parametrize("login", ["ada", "ada:", ":secret", "ada:secret,more"])
def test_a_login_that_is_none_is_refused_and_not_printed(login, tmp_path):
    for address in ("127.0.0.1", "0.0.0.0"):  # noqa: S104
        arguments = [f"--port={free_port()}", f"--address={address}"]
        output = refused(arguments, {"FLOWER_BASIC_AUTH": login}, tmp_path)
        assert output.startswith("FLOWER_BASIC_AUTH: must be USER:PASSWORD, or several")
        assert "secret" not in output


def status_of(flower, **options) -> int:
    """Return the status of Flower's page of workers; 0 while it does not listen."""
    assert flower.running, flower.output()
    try:
        return requests.get(f"{flower.url}/workers", timeout=20, **options).status_code
    except requests.ConnectionError:
        return 0


@pytest.mark.parametrize("written", ["environment", "command line"])
def test_with_a_login_it_starts_anywhere_and_asks_for_it(written, system, tmp_path):
    port = free_port()
    by_variable = written == "environment"
    option = [] if by_variable else ["--basic-auth=ada:secret"]
    env = {**system.env, "FLOWER_BASIC_AUTH": "ada:secret" if by_variable else ""}
    command = ["celery", "-A", "tasks", "flower", f"--port={port}", *option]
    flower = Process(command, env, tmp_path / "flower.log")
    flower.url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: status_of(flower))
        assert status_of(flower) == 401
        assert status_of(flower, auth=("", "")) == 401
        assert status_of(flower, auth=("ada", "secret")) == 200
    finally:
        flower.kill()


def test_an_env_file_may_have_its_login(system, tmp_path):
    (tmp_path / ".env").write_text("FLOWER_BASIC_AUTH=ada:secret\n")
    for name in ("chat", "tasks", "celeryconfig.py", "flowerconfig.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    port = free_port()
    command = [*system.workers[0].command[:3], "-A", "tasks", "flower", f"--port={port}"]
    env = {k: v for k, v in system.workers[0].env.items() if k != "FLOWER_BASIC_AUTH"}
    with (tmp_path / "flower.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/workers"

        def status() -> int:
            assert process.poll() is None, (tmp_path / "flower.log").read_text()
            try:
                return requests.get(url, timeout=20).status_code
            except requests.ConnectionError:
                return 0

        wait_until(status)
        assert status() == 401
        assert requests.get(url, auth=("ada", "secret"), timeout=20).status_code == 200
    finally:
        process.kill()
        process.wait()
