"""The frames that the server sends, in chat.events.v1 and in plain mode."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_dump, pre_dump

from chat.session_schema import BOT, HUMAN


class MessageSchema(Schema):
    """A message in a frame, made from a stored message."""

    id = fields.String()
    source = fields.String()
    msg = fields.String()
    timestamp = fields.String()
    reply_to = fields.String()
    status = fields.String()
    error = fields.String()
    error_msg = fields.String()  # the text that the user reads, if it is not that of the code
    n = fields.Integer()
    finish = fields.String()
    model = fields.String()

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
    msg = fields.String()
    n = fields.Integer()


class DeltaSchema(Schema):
    type = fields.Constant("delta")
    id = fields.String()
    n = fields.Integer()
    text = fields.String()


class ThinkingSchema(Schema):
    type = fields.Constant("thinking")
    id = fields.String()
    reply_to = fields.String()


class WaitSchema(Schema):
    type = fields.Constant("wait")
    reply_to = fields.String()
    code = fields.String()
    retry_after = fields.Float()
    reason = fields.String()  # absent: the model is not ready


class ErrorSchema(Schema):
    type = fields.Constant("error")
    code = fields.String()
    msg = fields.String()
    id = fields.String()
    reply_to = fields.String()
    retry_after = fields.Float()

    @post_dump
    def drop_missing(self, frame: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in frame.items() if value is not None}


# --- plain mode -------------------------------------------------------------------------------


class PlainSchema(Schema):
    """A complete reply, or with ``error`` the text that the user reads instead."""

    id = fields.String()
    msg = fields.String()
    timestamp = fields.String()
    error = fields.String()
