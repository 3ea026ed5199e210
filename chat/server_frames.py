"""The frames that the server sends: those of chat.events.v1, and the one of plain mode."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_dump, pre_dump

from chat.session_schema import BOT, HUMAN


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
