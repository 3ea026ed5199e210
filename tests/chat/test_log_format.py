"""Log lines as JSON and as text."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from chat.ids import new_id
from chat.log_context import log_context
from chat.log_format import JsonLines, writes_json
from chat.message_log import log_end, log_session, log_step, session_hash, set_up_message_log
from chat.settings import load_settings

TOKEN = new_id()


class Output:
    """What a handler writes, in one of the two formats."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self._stream = io.StringIO()
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(formatter)

    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


@pytest.fixture
def outputs() -> Iterator[tuple[Output, Output]]:
    """The lines as JSON, and as text."""
    as_json, as_text = Output(JsonLines()), Output(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    for output in (as_json, as_text):
        root.addHandler(output.handler)
    set_up_message_log("info", with_text=False)
    yield as_json, as_text
    set_up_message_log("info", with_text=False)
    for output in (as_json, as_text):
        root.removeHandler(output.handler)


def test_a_step_is_one_line_with_its_fields(outputs):
    as_json, as_text = outputs
    log_step("accepted", TOKEN, "m1", position=3, missing=None)
    [record] = as_json.records()
    assert (record["event"], record["level"], record["logger"]) == (
        "accepted",
        "info",
        "chat.messages",
    )
    assert (record["message_id"], record["session"]) == ("m1", session_hash(TOKEN))
    assert record["position"] == 3
    assert "missing" not in record
    assert record["time"].endswith("+00:00")
    assert as_text.lines() == [f"accepted message=m1 session={session_hash(TOKEN)} position=3"]


def test_all_lines_of_a_block_have_the_fields_of_its_context_and_later_ones_have_not(outputs):
    as_json, as_text = outputs
    with log_context(task_id="t1"), log_context(message_id="m1"):
        logging.getLogger("elsewhere").warning("no answer from %s", "the model")
        log_step("claimed", TOKEN, "m2")
    log_session("recovered", TOKEN)
    warning, claimed, recovered = as_json.records()
    assert (warning["event"], warning["task_id"]) == ("no answer from the model", "t1")
    assert warning["message_id"] == "m1"
    assert (claimed["task_id"], claimed["message_id"]) == ("t1", "m2")  # its own field wins
    assert "task_id" not in recovered
    assert as_text.lines()[1].endswith(" task=t1")


@pytest.mark.parametrize("text", ["two\nlines", "a\r\n\x1b[2Jb", "line\u2028separator", "x\x85y"])
def test_no_text_can_forge_a_line(outputs, text):
    set_up_message_log("info", with_text=True)
    log_step("accepted", TOKEN, "m1", text=text)
    as_json, as_text = outputs
    assert as_json.records()[0]["text"] == text
    assert len(as_text.lines()) == 1
    assert "\x1b" not in as_text.lines()[0]


def test_the_text_of_a_message_is_logged_only_if_it_was_asked_for(outputs):
    as_json, _ = outputs
    log_step("accepted", TOKEN, "m1", text="swordfish")
    log_end("done", TOKEN, "m1", text="swordfish")
    assert "swordfish" not in "".join(as_json.lines())


def test_an_exception_is_in_the_same_line(outputs):
    as_json, _ = outputs
    try:
        raise ValueError("deep inside")
    except ValueError:
        logging.getLogger("elsewhere").exception("it failed")
    [record] = as_json.records()
    assert (record["event"], record["level"]) == ("it failed", "error")
    assert "ValueError: deep inside" in record["exc_info"]


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, True),  # standard error of a test is no terminal
        ({"APP_ENV": "development"}, False),
        ({"APP_ENV": "development", "LOG_FORMAT": "json"}, True),
        ({"LOG_FORMAT": "text"}, False),
    ],
)
def test_lines_are_json_where_there_is_no_terminal_and_no_developer(env, expected, monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert writes_json(load_settings(env)) == expected
