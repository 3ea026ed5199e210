"""An entry of Celery's queue: how it is written, read, and turned into a Celery message."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, NamedTuple

from chat.ids import is_token, new_id

QUEUE = "celery"
TASK = "tasks.reply"
# Celery logs the arguments of a task and Flower shows them. The token is a secret, so it is masked.
MASKED_ARGS = "('***',)"

_NO_CANVAS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_DEFAULT_OPTIONS: dict[str, Any] = {
    "lang": "py",
    "task": TASK,
    "shadow": None,
    "eta": None,
    "expires": None,
    "group": None,
    "group_index": None,
    "retries": 0,
    "timelimit": [None, None],
    "parent_id": None,
    "argsrepr": MASKED_ARGS,
    "kwargsrepr": "{}",
    "ignore_result": None,
    "replaced_task_nesting": 0,
    "stamped_headers": None,
    "stamps": {},
}

# Parsing untrusted data raises these where the data do not have the expected shape.
PARSE_ERRORS = (ValueError, TypeError, LookupError, AttributeError, RecursionError)

_TASK_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")  # a token does not match


class InvalidTaskMessage(Exception):
    """A message that this worker cannot handle. The error text is for the log, without the body."""


class Entry(NamedTuple):
    """One call of the task ``tasks.reply``."""

    id: str
    token: str


def read_entry(raw: bytes | str) -> Entry:
    """Return the call in a raw entry of the queue.

    Raises:
        InvalidTaskMessage: The entry is not a Celery message that calls ``tasks.reply`` with a
            token.
    """
    try:
        message = json.loads(raw)
        name, task_id = message["headers"]["task"], message["headers"]["id"]
    except PARSE_ERRORS:
        raise InvalidTaskMessage("an entry that is not a Celery message") from None
    if name != TASK:
        known = isinstance(name, str) and _TASK_NAME.fullmatch(name)
        raise InvalidTaskMessage(
            f"a message for the task {name}" if known else "a message for no task"
        )
    try:
        (token,), kwargs, _ = json.loads(base64.b64decode(message["body"], validate=True))
    except PARSE_ERRORS:
        raise InvalidTaskMessage(f"a message for {TASK} with a body that cannot be read") from None
    if kwargs or not is_token(token) or not is_token(task_id):
        raise InvalidTaskMessage(f"a message for {TASK} with wrong arguments")
    return Entry(task_id, token)


def new_entry(token: str) -> str:
    """Return a raw entry that calls ``tasks.reply`` for a session, as kombu would write it."""
    return json.dumps(celery_message(Entry(new_id(), token)))


def celery_message(entry: Entry) -> dict[str, Any]:
    """Return an entry as a message of Celery's protocol 2 with default options.

    https://docs.celeryq.dev/en/stable/internals/protocol.html

    The options in the queue's entry are not used: they would give anybody who can write to Redis
    access to all features of Celery.
    """
    body = json.dumps([[entry.token], {}, _NO_CANVAS]).encode()
    return {
        "body": base64.b64encode(body).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {
            **_DEFAULT_OPTIONS,
            "id": entry.id,
            "root_id": entry.id,
        },
        "properties": {
            "body_encoding": "base64",
            "correlation_id": entry.id,
            "delivery_mode": 2,
            "delivery_tag": new_id(),
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
            "priority": 0,
        },
    }
