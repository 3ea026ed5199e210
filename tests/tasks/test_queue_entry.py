"""What a worker takes for a ring; tests/faults/test_poison.py has what it does not."""

from __future__ import annotations

import json

import pytest

from tasks.queue_entry import NotOurs, message_of, read_entry

ID = "f3b9a586-f40f-4dd8-b875-16604cc0c2d1"
TOKEN = "9d3b6a52-7f0e-4c8c-9b0a-8f0d3a1c2b4d"
BODY = "W1siOWQzYjZhNTItN2YwZS00YzhjLTliMGEtOGYwZDNhMWMyYjRkIl0sIHt9LCB7ImNoYWluIjogbnVsbH1d"


def entry(task: str = "tasks.reply", body: str = BODY) -> bytes:
    return json.dumps({"headers": {"task": task, "id": ID, "eta": "soon"}, "body": body}).encode()


def test_a_ring_is_read_and_written_anew_without_its_options():
    read = read_entry(entry())
    assert read == (ID, TOKEN)
    message = message_of(read)
    assert read_entry(json.dumps(message)) == read
    assert "eta" not in message["headers"]
    assert TOKEN not in str(message)  # only in its encoded body


@pytest.mark.parametrize("name", ["tasks.old", "celery.map"])
def test_the_name_of_another_task_is_said(name):
    with pytest.raises(NotOurs, match=f"for the task {name}$"):
        read_entry(entry(task=name))


@pytest.mark.parametrize("name", [TOKEN, "", "a\nline", "x" * 1000])
def test_a_name_that_is_none_is_not_said(name):
    with pytest.raises(NotOurs) as refused:
        read_entry(entry(task=name))
    assert str(refused.value) == "a message for no task"


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[]", b"null", b"{}", b"[" * 100_000, b"9" * 9999])
def test_anything_else_is_no_message(raw):
    with pytest.raises(NotOurs, match="no Celery message"):
        read_entry(raw)
