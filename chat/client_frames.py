"""The frames that a client of chat.events.v1 sends, and the text of a human message."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from chat.errors import Invalid, TooLong
from chat.session_schema import Id, has_surrogate


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
    msg = fields.String()


class ContinueInSchema(Schema):
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
    "continue": ContinueInSchema(),
    "ping": PingInSchema(),
}


class RefusedFrame(Invalid):
    """A frame that cannot be used, with its ``id`` if it has a usable one."""

    def __init__(self, msg: str, frame_id: str | None = None) -> None:
        super().__init__(msg)
        self.msg = msg
        self.id = frame_id


def read_frame(text: str | bytes) -> dict[str, Any]:
    """Return the validated frame as a dictionary with its ``type``.

    Raises:
        RefusedFrame: ``text`` is not JSON, not an object, or not of a known shape.
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
        name, reasons = next(iter(error.normalized_messages().items()))
        raise RefusedFrame(f"{name}: {' '.join(reasons)}", frame_id) from None


def message_text(text: str, max_length: int) -> str:
    """Return the text of a human message without white space at its ends.

    Raises:
        Invalid: The text is blank or has a lone surrogate.
        TooLong: The text has more than ``max_length`` code points.
    """
    text = text.strip()
    if not text:
        raise Invalid("blank message")
    if has_surrogate(text):
        raise Invalid("lone surrogate")
    if len(text) > max_length:
        raise TooLong(f"{len(text)} characters, {max_length} are allowed")
    return text
