"""The session as Redis stores it and as HTTP returns it.

The text of a stored message begins with the tag ``Human: `` or ``Bot: ``,
also over HTTP.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from chat.ids import is_id, is_token

HUMAN, BOT = "Human: ", "Bot: "
STATUSES = ("streaming", "done", "stopped", "failed")
# Why a reply is done: the model has ended it, or the limit of its length has cut it.
Finish = Literal["stop", "length"]


def has_surrogate(text: str) -> bool:
    """Whether ``text`` has half of a surrogate pair, which cannot be encoded as UTF-8."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _check_id(value: str) -> None:
    if not is_id(value):
        raise ValidationError("must be a UUID in lower case with its dashes")


def _check_text(value: str) -> None:
    if has_surrogate(value):
        raise ValidationError("contains half of a surrogate pair, which is not a character")


class Id(fields.String):
    """A canonical lower-case UUID."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=_check_id, **options)


class CreateSessionSchema(Schema):
    """The request to create a session."""

    class Meta:
        unknown = EXCLUDE

    name = fields.String(required=True, validate=[validate.Length(1, 100), _check_text])

    @pre_load
    def trim(self, data: Any, **_: Any) -> Any:
        name = data.get("name")
        return {"name": name.strip() if isinstance(name, str) else name}


class StoredMessageSchema(Schema):
    """A message in the session document."""

    class Meta:
        unknown = EXCLUDE

    id = Id(required=True)
    msg = fields.String(required=True)
    timestamp = fields.String(required=True)
    reply_to = Id()
    status = fields.String(validate=validate.OneOf(STATUSES))
    error = fields.String()
    error_msg = fields.String()  # the text that the user reads, if it is not that of the code
    n = fields.Integer()
    finish = fields.String(validate=validate.OneOf(get_args(Finish)))
    model = fields.String()


class SessionSchema(Schema):
    """The public fields of a session: HTTP returns them, and the document in Redis has them."""

    class Meta:
        unknown = EXCLUDE

    token = fields.String(required=True, validate=is_token)
    name = fields.String(required=True)
    session_start = fields.String(required=True)
    messages = fields.List(fields.Nested(StoredMessageSchema), required=True)
