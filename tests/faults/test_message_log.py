"""The log lines of a message's life, on running web and worker processes."""

from __future__ import annotations

import re
from collections import Counter

from chat.message_log import session_hash
from tests import directives
from tests.clients import Events, Plain, begin, history
from tests.processes import wait_until
from tests.system import System

STEP = re.compile(
    r"\b(?P<step>accepted|enqueued|claimed|resumed|first_delta|finished|released|restarted)"
    r" message=(?P<message>\S+) session=(?P<session>\S+)"
)
SECRET = "swordfish"  # stands in every text of a message here


def steps(output: str, message_id: str) -> Counter[tuple[str, str]]:
    """Return how often each step of a message was logged, by step and session hash."""
    found = [line for line in STEP.finditer(output) if line["message"] == message_id]
    return Counter((line["step"], line["session"]) for line in found)


def wait_for_step(system: System, step: str, message_id: str) -> None:
    """Wait for a line that is written after the client has got the frame it is about."""
    wait_until(lambda: f"{step} message={message_id}" in system.output())


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
        assert steps(system.web.output(), message_id) == each_once(
            client.token, "accepted", "enqueued"
        )
        assert steps(system.workers[0].output(), message_id) == each_once(
            client.token, "claimed", "first_delta", "finished"
        )
        assert_no_secret(system, client.token)
        assert system.web.output().count("Booting worker") == 1  # gunicorn's lines are not doubled


def test_a_message_of_plain_mode_leaves_the_same_steps(system):
    token = begin(system.web.url)
    plain = Plain(system.web.ws, token)
    plain.say(SECRET)
    assert SECRET in plain.reply()["msg"]
    message_id = history(system.web.url, token)[0]["id"]
    wait_for_step(system, "finished", message_id)
    wait_for_step(system, "enqueued", message_id)
    assert steps(system.output(), message_id) == each_once(
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
    assert steps(system.output(), message_id) == each_once(
        client.token, "accepted", "enqueued", "claimed", "first_delta", "resumed", "finished"
    )
    assert f"recovered session={session_hash(client.token)}" in system.output()
    assert_no_secret(system, client.token)


def test_at_level_warning_no_step_is_logged(tmp_path):
    with System(tmp_path, webs=1, workers=1, LOG_LEVEL="warning") as system:
        client = Events(system.web.ws, begin(system.web.url))
        client.until_answered(client.say(SECRET))
    assert not STEP.findall(system.output())
    assert f"session={session_hash(client.token)}" not in system.output()
