"""The log lines of a message's life, on running web and worker processes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import requests

from chat.ids import is_id
from chat.message_log import session_hash
from tests import directives
from tests.clients import Events, Plain, begin, history
from tests.processes import Process, wait_until
from tests.scrape import Scrape
from tests.system import System

SECRET = "swordfish"  # stands in every text of a message here
STEPS = [
    "accepted",
    "enqueued",
    "claimed",
    "resumed",
    "first_delta",
    "finished",
    "released",
    "restarted",
]


def lines(process: Process | System, message_id: str) -> list[dict[str, Any]]:
    """Return the lines about the steps of a message."""
    about = [record for record in process.records() if record.get("message_id") == message_id]
    return [record for record in about if record["event"] in STEPS]


def steps(process: Process | System, message_id: str) -> Counter[tuple[str, str]]:
    """Return how often each step of a message was logged, by step and session hash."""
    return Counter((line["event"], line["session"]) for line in lines(process, message_id))


def wait_for_step(system: System, step: str, message_id: str) -> None:
    """Wait for a line that is written after the client has got the frame it is about."""
    wait_until(lambda: step in [line["event"] for line in lines(system, message_id)])


def each_once(token: str, *names: str) -> Counter[tuple[str, str]]:
    return Counter((name, session_hash(token)) for name in names)


def assert_no_secret(system: System, token: str) -> None:
    assert token not in system.output()
    assert SECRET not in system.output()


def test_web_and_worker_log_each_step_of_a_message_once_without_token_or_text(tmp_path):
    with System(tmp_path, webs=1, workers=1, LOG_LEVEL="info") as system:
        client = Events(system.web.ws, begin(system.web.url))
        message_id = client.say(SECRET)
        assert SECRET in client.until_answered(message_id)["msg"]
        wait_for_step(system, "finished", message_id)
        wait_for_step(system, "enqueued", message_id)
        assert steps(system.web, message_id) == each_once(client.token, "accepted", "enqueued")
        assert steps(system.workers[0], message_id) == each_once(
            client.token, "claimed", "first_delta", "finished"
        )
        assert_no_secret(system, client.token)
        assert system.web.output().count("Booting worker") == 1  # gunicorn's lines are not doubled


def test_the_lines_of_a_worker_have_one_task_and_the_name_of_its_process(system):
    client = Events(system.web.ws, begin(system.web.url))
    message_id = client.say("hello")
    client.until_answered(message_id)
    wait_for_step(system, "finished", message_id)
    [worker] = [each for each in system.workers if lines(each, message_id)]
    [task_id] = {line["task_id"] for line in lines(worker, message_id)}
    assert is_id(task_id)
    assert {line["process"] for line in lines(worker, message_id)} == {
        record["process"] for record in worker.records() if record["event"].endswith(" ready.")
    }


def test_what_is_logged_of_the_model_names_the_message_and_the_model_is_sent_its_id(system):
    client = Events(system.web.ws, begin(system.web.url))
    refused = client.say(directives.status(400))
    client.until_answered(refused)
    asked = requests.get(f"{system.standin.url}/requests", timeout=20).json()
    assert refused in [request["headers"].get("X-Request-Id") for request in asked]
    about = [record for record in system.records() if record.get("message_id") == refused]
    [warning] = [record for record in about if record["level"] == "warning"]
    assert "model_refused" in warning["event"]
    assert warning["session"] == session_hash(client.token)


def test_a_message_of_plain_mode_leaves_the_same_steps(system):
    token = begin(system.web.url)
    plain = Plain(system.web.ws, token)
    plain.say(SECRET)
    assert SECRET in plain.reply()["msg"]
    message_id = history(system.web.url, token)[0]["id"]
    wait_for_step(system, "finished", message_id)
    wait_for_step(system, "enqueued", message_id)
    assert steps(system, message_id) == each_once(
        token, "accepted", "enqueued", "claimed", "first_delta", "finished"
    )
    assert_no_secret(system, token)


def test_a_killed_worker_leaves_a_message_that_is_resumed_once(system):
    client = Events(system.web.ws, begin(system.web.url))
    with directives.held(system, at=5, text=SECRET) as hold:
        message_id = client.say(hold.ask)
        hold.wait()
        wait_for_step(system, "first_delta", message_id)
        hold.kill_who_answers(system)
        hold.release()
        client.until_answered(message_id)
    wait_for_step(system, "finished", message_id)
    assert steps(system, message_id) == each_once(
        client.token, "accepted", "enqueued", "claimed", "first_delta", "resumed", "finished"
    )
    for name in ("chat_leases_taken_over_total", "chat_replies_resumed_total"):
        wait_until(lambda name=name: Scrape(system.web).sum(name) >= 1)
    recovered = [record for record in system.records() if record["event"] == "recovered"]
    assert session_hash(client.token) in [record["session"] for record in recovered]
    assert_no_secret(system, client.token)


def test_at_level_warning_no_step_is_logged(tmp_path):
    with System(tmp_path, webs=1, workers=1, LOG_LEVEL="warning") as system:
        client = Events(system.web.ws, begin(system.web.url))
        message_id = client.say(SECRET)
        client.until_answered(message_id)
    assert not lines(system, message_id)
    assert session_hash(client.token) not in system.output()


def test_every_line_is_json_except_what_python_and_celery_print_at_the_start_and_the_end(tmp_path):
    with System(tmp_path, webs=1, workers=1) as system:
        client = Events(system.web.ws, begin(system.web.url))
        client.until_answered(client.say("hello"))
        before = {each: len(each.output()) for each in system.processes}
        for text in ("hello", directives.status(400), directives.status(401)):
            client.until_answered(client.say(text))
    for process, start in before.items():
        added = process.output()[start:].splitlines()
        records = process.records(after=start)
        assert len(records) == len(added), added
        for record in records:
            assert list(record)[:5] == ["time", "level", "logger", "process", "event"]
    assert "celery@" not in system.workers[0].output()  # Celery's banner


def test_with_the_variable_lines_are_text_and_have_the_text_of_messages(tmp_path):
    env = {"LOG_FORMAT": "text", "LOG_MESSAGE_TEXT": "true"}
    with System(tmp_path, webs=1, workers=1, **env) as system:
        client = Events(system.web.ws, begin(system.web.url))
        message_id = client.say(SECRET + "\nforged line")
        client.until_answered(message_id)
        name = session_hash(client.token)
        wait_until(lambda: f"finished message={message_id}" in system.workers[0].output())
    accepted = f"accepted message={message_id} session={name} position=0 text='{SECRET}\\nforged"
    assert accepted in system.web.output()
    assert f"echo: {SECRET}\\nforged line" in system.workers[0].output()
    assert not system.records()
    assert client.token not in system.output()
