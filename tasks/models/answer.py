"""The answer to one request, read as it arrives: a stream, or a body that is not a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tasks.models.failures import ModelUnusable, TransientError
from tasks.models.piece import Piece, piece_of
from tasks.models.reply_items import Finish, Thinking
from tasks.models.response import Response
from tasks.models.sse import events

# What parsing an answer raises if it is not of a protocol, or nested too deeply for the parser.
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class Answer:
    """Reads one response. `finish` and `model` are of use once `items` has ended."""

    def __init__(self, response: Response, partial_text: str) -> None:
        """``partial_text`` was sent with the request. A body that is no stream may repeat it."""
        self.finish: Finish = "stop"
        self.model = ""  # the name that the server says, if any
        self._response = response
        self._partial_text = partial_text

    def items(self) -> Iterator[str | Thinking]:
        """Yield the text as it arrives.

        Raises:
            TransientError, PromptTooLong: The stream has an error, or was cut.
            ModelUnusable: The answer is not of a protocol.
        """
        try:
            if not self._response.is_event_stream:
                piece = self._noted(piece_of(self._response.json()))
                yield piece.text.removeprefix(self._partial_text)
                return
            for data in events(self._response.chunks()):
                if data.strip() == "[DONE]":
                    self._response.about_to_end = True
                    return
                piece = self._noted(piece_of(json.loads(data)))
                self._response.about_to_end = piece.finish is not None
                yield piece.text
                if piece.finish:
                    return
        except _MALFORMED as error:
            raise ModelUnusable(f"the answer is not of the protocol: {error!r}") from error
        raise TransientError("the stream was cut")

    def _noted(self, piece: Piece) -> Piece:
        self.finish = piece.finish or self.finish
        self.model = self.model or piece.model
        return piece
