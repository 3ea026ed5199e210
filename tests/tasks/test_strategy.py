"""A worker handles the messages of our task without Celery's tracer."""

from __future__ import annotations

import logging

from chat.ids import new_id
from tasks.reply import ReplyTask
from tasks.strategy import _run


def test_an_unexpected_error_ends_a_task_as_failed_and_is_logged(caplog):
    with caplog.at_level(logging.ERROR):
        failed, info, _ = _run(ReplyTask(object()), new_id(), [new_id()])
    assert failed
    assert "AttributeError" in str(info)
    assert "a task has failed" in caplog.text
