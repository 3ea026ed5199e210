"""Reading the entries of Celery's queue. tests/faults/test_poison.py has more invalid entries."""

from __future__ import annotations

import json

import pytest

from tasks.queue_entry import InvalidTaskMessage, celery_message, read_entry

ID = "f3b9a586-f40f-4dd8-b875-16604cc0c2d1"
TOKEN = "9d3b6a52-7f0e-4c8c-9b0a-8f0d3a1c2b4d"
BODY = "W1siOWQzYjZhNTItN2YwZS00YzhjLTliMGEtOGYwZDNhMWMyYjRkIl0sIHt9LCB7ImNoYWluIjogbnVsbH1d"


def entry(task: str = "tasks.reply", body: str = BODY) -> bytes:
    return json.dumps({"headers": {"task": task, "id": ID, "eta": "soon"}, "body": body}).encode()


def test_a_valid_entry_becomes_a_message_without_the_options_of_the_entry():
    call = read_entry(entry())
    assert call == (ID, TOKEN)
    message = celery_message(call)
    assert read_entry(json.dumps(message)) == call
    assert message["headers"]["eta"] is None
    assert TOKEN not in str(message)  # only in its encoded body


@pytest.mark.parametrize("name", ["tasks.old", "celery.map"])
def test_the_error_names_the_unknown_task(name):
    with pytest.raises(InvalidTaskMessage, match=f"for the task {name}$"):
        read_entry(entry(task=name))


@pytest.mark.parametrize("name", [TOKEN, "", "a\nline", "x" * 1000])
def test_the_error_does_not_repeat_a_name_that_may_hold_a_secret(name):
    with pytest.raises(InvalidTaskMessage) as raised:
        read_entry(entry(task=name))
    assert str(raised.value) == "a message for no task"


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[]", b"null", b"{}", b"[" * 100_000, b"9" * 9999])
def test_anything_else_is_rejected(raw):
    with pytest.raises(InvalidTaskMessage, match="not a Celery message"):
        read_entry(raw)
