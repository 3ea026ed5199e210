"""What `tasks.models.Model.answer` yields beside the text of a reply and notices of retries."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tasks.models.retry_policy import RetryNotice

Finish = Literal["stop", "length"]


class Restart:
    """The text so far is void: the server could not continue it and began another reply."""


class Thinking:
    """The model works without text to show. Repeated while that lasts."""


class Finished(NamedTuple):
    """The reply is whole. This is the last item."""

    finish: Finish  # "length": the limit of tokens has cut the reply
    model: str  # the name of the model that has answered


ReplyItem = str | Thinking | RetryNotice | Restart | Finished
