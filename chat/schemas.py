"""Every shape that crosses a border: HTTP, the WebSocket, and what is stored.

A stored message carries its source as a tag in its text, ``Human: `` or ``Bot: ``, and so it
does over HTTP; a frame names the ``source`` and has the text alone.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from marshmallow import (
    EXCLUDE,
    Schema,
    ValidationError,
    fields,
    post_dump,
    pre_dump,
    pre_load,
    validate,
)

from chat.errors import Invalid, TooLong

HUMAN, BOT = "Human: ", "Bot: "
STATUSES = ("streaming", "done", "stopped", "failed")
_SURROGATE = re.compile("[\ud800-\udfff]")


def new_id() -> str:
    """Return a fresh id or token: a UUID4 in its canonical form."""
    return str(uuid.uuid4())


def timestamp() -> str:
    """Return this moment, ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def is_token(value: object) -> bool:
    """Tell whether ``value`` could be a token: nothing else may become a key in Redis."""
    return _is_uuid(value) and uuid.UUID(str(value)).version == 4


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


def _check_id(value: str) -> None:
    if not _is_uuid(value):
        raise ValidationError("must be a UUID in lower case with its dashes")


def _check_text(value: str) -> None:
    if _SURROGATE.search(value):
        raise ValidationError("holds half of a surrogate pair, which is no character")


class Id(fields.String):
    """A canonical lower-case UUID."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=_check_id, **options)


# --- HTTP -----------------------------------------------------------------------------------


class NameSchema(Schema):
    """Who starts a session."""

    class Meta:
        unknown = EXCLUDE

    name = fields.String(required=True, validate=[validate.Length(1, 100), _check_text])

    @pre_load
    def trim(self, data: Any, **_: Any) -> Any:
        name = data.get("name")
        return {"name": name.strip() if isinstance(name, str) else name}


class StoredMessageSchema(Schema):
    """A message as it stands in the session document."""

    class Meta:
        unknown = EXCLUDE

    id = Id(required=True)
    msg = fields.String(required=True)
    timestamp = fields.String(required=True)
    reply_to = Id()
    status = fields.String(validate=validate.OneOf(STATUSES))
    error = fields.String()
    n = fields.Integer()


class SessionSchema(Schema):
    """A session, as HTTP shows it and as the document in Redis begins."""

    class Meta:
        unknown = EXCLUDE

    token = fields.String(required=True, validate=is_token)
    name = fields.String(required=True)
    session_start = fields.String(required=True)
    messages = fields.List(fields.Nested(StoredMessageSchema), required=True)


# --- frames of chat.events.v1, from the client -----------------------------------------------


class MessageInSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    id = Id(required=True)
    msg = fields.String(required=True)


class StopInSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    id = Id()


class RetryInSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    id = Id(required=True)


class PingInSchema(Schema):
    class Meta:
        unknown = EXCLUDE


CLIENT_FRAMES: dict[str, Schema] = {
    "message": MessageInSchema(),
    "stop": StopInSchema(),
    "retry": RetryInSchema(),
    "ping": PingInSchema(),
}


class RefusedFrame(Invalid):
    """A frame that cannot be used, with its ``id`` as far as it has one."""

    def __init__(self, msg: str, frame_id: str | None = None) -> None:
        super().__init__(msg)
        self.msg = msg
        self.id = frame_id


def read_frame(text: str | bytes) -> dict[str, Any]:
    """Return the client's frame with its ``type``.

    Raises:
        RefusedFrame: It is not JSON, not an object, or not of a known shape.
    """
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedFrame("The frame is not JSON.") from None
    if not isinstance(frame, dict):
        raise RefusedFrame("The frame is not a JSON object.")
    given = frame.get("id")
    frame_id = given if isinstance(given, str) and len(given) <= 64 else None
    kind = frame.get("type")
    schema = CLIENT_FRAMES.get(kind) if isinstance(kind, str) else None
    if schema is None:
        raise RefusedFrame(f"The frame's type must be one of {', '.join(CLIENT_FRAMES)}.", frame_id)
    try:
        return {"type": kind, **schema.load(frame)}
    except ValidationError as error:
        name, said = next(iter(error.normalized_messages().items()))
        raise RefusedFrame(f"{name}: {' '.join(said)}", frame_id) from None


def message_text(text: str, longest: int) -> str:
    """Return a human message's text without white space at its ends.

    Raises:
        Invalid: It is blank, or not made of whole characters.
        TooLong: It has more than ``longest`` code points.
    """
    text = text.strip()
    if not text:
        raise Invalid("blank message")
    if _SURROGATE.search(text):
        raise Invalid("lone surrogate")
    if len(text) > longest:
        raise TooLong(f"{len(text)} characters, {longest} are allowed")
    return text


# --- frames of chat.events.v1, from the server -----------------------------------------------


class MessageSchema(Schema):
    """A message in a frame, dumped from a stored one."""

    id = fields.String()
    source = fields.String()
    msg = fields.String()
    timestamp = fields.String()
    reply_to = fields.String()
    status = fields.String()
    error = fields.String()
    n = fields.Integer()

    @pre_dump
    def untag(self, stored: dict[str, Any], **_: Any) -> dict[str, Any]:
        human = "reply_to" not in stored
        text = stored["msg"].removeprefix(HUMAN if human else BOT)
        return {**stored, "msg": text, "source": "human" if human else "bot"}


class MessageFrameSchema(MessageSchema):
    type = fields.Constant("message")


class _NamedSessionSchema(Schema):
    name = fields.String()
    session_start = fields.String()


class HistorySchema(Schema):
    type = fields.Constant("history")
    session = fields.Nested(_NamedSessionSchema)
    messages = fields.List(fields.Nested(MessageSchema))


class AckSchema(Schema):
    type = fields.Constant("ack")
    id = fields.String()
    position = fields.Integer()


class PongSchema(Schema):
    type = fields.Constant("pong")


class StartSchema(Schema):
    type = fields.Constant("start")
    id = fields.String()
    reply_to = fields.String()
    attempt = fields.Integer()


class DeltaSchema(Schema):
    type = fields.Constant("delta")
    id = fields.String()
    n = fields.Integer()
    text = fields.String()


class WaitSchema(Schema):
    type = fields.Constant("wait")
    reply_to = fields.String()
    code = fields.String()
    retry_after = fields.Float()
    reason = fields.String()  # absent: the model's own


class ErrorSchema(Schema):
    type = fields.Constant("error")
    code = fields.String()
    msg = fields.String()
    id = fields.String()
    reply_to = fields.String()
    retry_after = fields.Float()

    @post_dump
    def leave_out(self, frame: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in frame.items() if value is not None}


# --- plain mode -------------------------------------------------------------------------------


class PlainSchema(Schema):
    """A whole reply, or with ``error`` what a person should read instead of one."""

    id = fields.String()
    msg = fields.String()
    timestamp = fields.String()
    error = fields.String()
