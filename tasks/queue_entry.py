"""An entry of the task queue: what `ring` writes into Redis, and what a worker takes for it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, NamedTuple

from chat.ids import is_token, new_id

QUEUE = "celery"
TASK = "tasks.reply"
# The token opens the session: it stays out of what Celery logs and Flower shows.
MASKED_ARGS = "('***',)"

# What data from outside raise where they have another shape than the one that is read.
MALFORMED = (ValueError, TypeError, LookupError, AttributeError, RecursionError)

_TASK_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")  # has no room for a token


class NotOurs(Exception):
    """An entry that no worker can serve. Its string is for the log: nothing of a body is in it."""


class Entry(NamedTuple):
    """One call of the reply task."""

    id: str
    token: str


def read_entry(raw: bytes | str) -> Entry:
    """Return what an entry of the queue calls for.

    Raises:
        NotOurs: It is no Celery message, names another task, or has other arguments.
    """
    try:
        message = json.loads(raw)
        name, task_id = message["headers"]["task"], message["headers"]["id"]
    except MALFORMED:
        raise NotOurs("an entry that is no Celery message") from None
    if name != TASK:
        known = isinstance(name, str) and _TASK_NAME.fullmatch(name)
        raise NotOurs(f"a message for the task {name}" if known else "a message for no task")
    try:
        (token,), kwargs, _ = json.loads(base64.b64decode(message["body"], validate=True))
    except MALFORMED:
        raise NotOurs(f"a message for {TASK} with a body that cannot be read") from None
    if kwargs or not is_token(token) or not is_token(task_id):
        raise NotOurs(f"a message for {TASK} with arguments that are none")
    return Entry(task_id, token)


def message_of(entry: Entry) -> dict[str, Any]:
    """Return an entry as a message of Celery's protocol 2, with the defaults of all options.

    An entry's own options would let whoever writes to Redis reach any part of Celery.
    """
    body = json.dumps([[entry.token], {}, {}]).encode()
    return {
        "body": base64.b64encode(body).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {
            "lang": "py",
            "task": TASK,
            "id": entry.id,
            "root_id": entry.id,
            "retries": 0,
            "argsrepr": MASKED_ARGS,
            "kwargsrepr": "{}",
        },
        "properties": {
            "body_encoding": "base64",
            "correlation_id": entry.id,
            "delivery_tag": new_id(),
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
        },
    }
