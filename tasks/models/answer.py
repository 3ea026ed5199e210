"""The answer to one request, read as it arrives: a stream, or a body that is not a stream.

It is whole if its server says so (a finish reason, ``[DONE]``), or if it has text and its body ends
as HTTP lets it end. It was cut if the connection failed before. What cannot be understood is
skipped as long as the answer has text without it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from chat.errors import ModelRefused, ModelTimeout
from tasks.models.failures import AllThinking, ModelUnusable, TransientError, shortened
from tasks.models.finish_reason import FAILURES, finish_of
from tasks.models.json_values import DONE, json_values
from tasks.models.piece import Piece, piece_of, plain_text
from tasks.models.reasoning import ThinkTags
from tasks.models.reply_items import Finish, Restart, Thinking
from tasks.models.response import Response
from tasks.models.sse import ErrorData, events
from tasks.models.stream_errors import failure_in, failure_of_error
from tasks.models.text_so_far import TextSoFar

# Clients get `thinking` at most this often. If an event comes too soon after the last notice and
# nothing follows, the notice is sent after this time: two notices are at most 10 s apart.
THINKING_INTERVAL = 5.0  # seconds
# Some servers send text after the finish reason. Nearly all end the stream at once.
FINISH_PATIENCE = 1.0  # seconds
# Parts of the word for why a model has no text: that was withheld, or a tool is to be used.
_WITHOUT_TEXT = ("filter", "safety", "refus", "sensitive", "prohibit", "recitation", "tool")
# Far more than the events that keep a connection alive during the longest reply.
_MAX_SILENT_EVENTS = 10_000  # in a row
_MAX_NAME_LENGTH = 200  # characters of a model's name


class Answer:
    """Reads one response. `finish` and `model` are of use once `items` has ended."""

    def __init__(self, response: Response, repeated: Sequence[str] = ("", "")) -> None:
        """``repeated``: the prompt and the partial text. A body that is no stream may have them."""
        self.finish: Finish = "stop"
        self.model = ""  # the name that the server says, if any
        self._response = response
        self._text = TextSoFar(repeated)
        self._tags = ThinkTags(repeated[-1])
        self._number: int | None = None
        self._word = ""  # the server's word for why the model stopped
        self._finished_at: float | None = None  # set while nothing but the end is expected
        self._finish_is_final = True  # whether no text has come after a finish reason
        self._done = False
        self._has_text = False
        self._silent_events = 0  # in a row, with neither text nor thinking
        self._thinks = False  # whether the model works without text to show
        self._waits = False  # whether it thinks or has finished
        self._has_thought = False
        self._told_at = -math.inf  # when `Thinking` was yielded
        self._understood = False  # whether any event had a known shape
        self._not_understood = ""  # why another one had none, for the log
        self._last_is_broken = False  # whether the last event was no JSON

    def items(self) -> Iterator[str | Thinking | Restart]:
        """Yield the text as it arrives. A `Restart` voids the text before it, also an earlier one.

        Raises:
            TransientError, PromptTooLong, ModelRefused, ModelTimeout: The answer is not whole.
            Cancelled: The call was cancelled.
        """
        try:
            for data in events(self._response.chunks()):
                if self._has_text and not self._waits and data:
                    plain = plain_text(data, self._number)
                    if plain:
                        if text := self._tags.add(self._text.add_text(plain)):
                            if self._tags.void:
                                yield self._restart()
                            yield text
                        self._last_is_broken = False
                        continue
                self._silent_events += bool(data)
                for piece in self._pieces(data) if data else ():
                    text = self._text.add(piece)
                    if text and (text := self._tags.add(text)):
                        if self._tags.void:
                            yield self._restart()
                        if not self._has_text:
                            self._has_text = not text.isspace()
                        yield text
                    if text or piece.thinking:
                        self._silent_events = 0
                    if piece.thinking or piece.finish or self._tags.thinking or self._waits:
                        self._note(piece, text)
                if self._silent_events > _MAX_SILENT_EVENTS:
                    raise ModelRefused("the stream goes on without text")
                if self._waits:
                    if self._is_over(nothing_came=data is None):
                        break
                    if self._thinks and self._is_time_to_tell():
                        yield Thinking()
                elif self._done:
                    break
        except (TransientError, ModelRefused, ModelTimeout):
            if not self._is_whole:
                raise
        text = self._tags.add(self._text.finish()) + self._tags.finish()
        if text.strip():
            if self._tags.void:
                yield self._restart()
            self._has_text = True
            yield text
        self._check_end()

    def _pieces(self, data: str) -> list[Piece]:
        """Return what an event says, and note all but its text."""
        try:
            values = json_values(data)
            self._last_is_broken = False
        except (ValueError, RecursionError):
            if isinstance(data, ErrorData):
                raise failure_of_error(data) from None
            self._last_is_broken = data.lstrip().startswith(("{", "["))
            self._not_understood = self._not_understood or "is not JSON"
            return []
        pieces = []
        if values and isinstance(values[0], list):
            values = list(_unpacked(values))
        for value in values:
            if value is DONE:
                self._done = self._response.about_to_end = True
                break
            if not isinstance(value, dict):
                self._not_understood = self._not_understood or "is not of the protocol"
                continue
            failure = failure_in(value)
            if failure is None and isinstance(data, ErrorData):
                failure = failure_of_error(value)
            if failure:
                raise failure  # `items` ignores it if the answer is whole
            if (piece := piece_of(value, self._number)) is None:
                self._not_understood = self._not_understood or _not_of_the_protocol(value)
            else:
                self._understood = True
                if self._is_ours(piece):
                    pieces.append(piece)
            if not self.model and isinstance(name := value.get("model"), str):
                self.model = name.encode(errors="replace").decode()[:_MAX_NAME_LENGTH]
        return pieces

    @property
    def _is_whole(self) -> bool:
        """Whether the answer is whole already, so that what fails after it does not matter."""
        return self._has_text and self._finished_at is not None

    def _is_ours(self, piece: Piece) -> bool:
        """Whether a piece is of the answer that is read: of several, the one that begins first."""
        if piece.number is None:
            return True
        if self._number is None and (piece.text or piece.whole or piece.thinking):
            self._number = piece.number
        return self._number is None or piece.number == self._number

    def _note(self, piece: Piece, text: str) -> None:
        """Note that the model thinks or has finished, or that it goes on with text."""
        if piece.finish in FAILURES:
            raise TransientError(f"in mid-stream: the model stopped: {piece.finish}")
        self._thinks = not text and (piece.thinking or self._tags.thinking or self._thinks)
        self._has_thought = self._has_thought or self._thinks
        if text and self._finished_at is not None:
            self._finished_at, self._finish_is_final = None, False
        if piece.finish:
            self._word = piece.finish
            if finish_of(piece.finish) == "length":  # Anthropic's last event only says: the end
                self.finish = "length"
            self._finished_at, self._thinks = time.monotonic(), False
        finished = self._finished_at is not None
        self._waits = self._thinks or finished
        self._response.about_to_end = finished
        self._response.patience = THINKING_INTERVAL if self._thinks else None
        if finished and self._finish_is_final:
            self._response.patience = FINISH_PATIENCE

    def _is_over(self, *, nothing_came: bool) -> bool:
        """Whether the stream has ended, or has had the time for it since its finish reason."""
        if self._done:
            return True
        if self._finished_at is None or not self._finish_is_final:
            return False
        return nothing_came or time.monotonic() - self._finished_at > FINISH_PATIENCE

    def _is_time_to_tell(self) -> bool:
        now = time.monotonic()
        if now - self._told_at < THINKING_INTERVAL:
            return False
        self._told_at = now
        return True

    def _restart(self) -> Restart:
        self._tags.void = False
        return Restart()

    def _check_end(self) -> None:
        """Raise if the answer has ended and is not whole."""
        ended = self._done or self._finished_at is not None
        if not ended and self._last_is_broken and not self._response.has_length:
            raise TransientError("the connection was cut")
        if self._has_text:
            return
        if self._has_thought or self._tags.seen:
            if self.finish == "length":
                raise AllThinking(
                    "all tokens of the reply went into thinking: raise MAX_NEW_TOKENS"
                )
            raise ModelRefused("the model has thought, and written no text")
        if any(part in self._word for part in _WITHOUT_TEXT):
            raise ModelRefused(f"an empty answer: the model stopped: {shortened(self._word)}")
        if ended or (self._understood and self._response.has_length):
            return  # a reply that is continued may need no more text
        if self._not_understood:
            raise ModelUnusable(f"the answer {self._not_understood}")
        raise TransientError("the answer ended without text")


def _unpacked(values: list[Any]) -> Iterator[Any]:
    """Yield the values, and those in lists: Gemini sends a stream as a list, TGI a body in one."""
    for value in values:
        if not isinstance(value, list) or not value:
            yield value
        elif isinstance(value[0], dict) and "generated_text" in value[0]:
            yield value[0]  # the others are other replies
        else:
            yield from _unpacked(value)


def _not_of_the_protocol(value: dict[str, Any]) -> str:
    """Return the cause for the log: the names of fields only, since the rest may be a prompt."""
    return shortened(f"is not of the protocol, with the fields {sorted(value)}")
