"""A model behind a URL: asks it, waits for it, asks it again, and gives its text in pieces."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chat.errors import ModelError, ModelRefused
from chat.settings import Settings
from tasks.models.adapter import Adapter
from tasks.models.call import Call
from tasks.models.failures import BadRequest, CannotContinue, NotReady, PromptTooLong
from tasks.models.http import Response, place, post
from tasks.models.reply_text import Text
from tasks.models.retry import Failure, GiveUp, Retry, Wait
from tasks.models.sse import events
from tasks.prompt import Line, fit, size

log = logging.getLogger(__name__)

# What reading raises where an answer is not of the protocol, or nested too deeply for the parser.
_WRONG = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class Restart:
    """The text so far is void: its server cannot continue it, and has begun anew."""


@dataclass
class _Request:
    """What the next request for a message asks, as far as the answers to earlier ones tell."""

    said: str  # the reply's text so far, as the reader has it
    room: int  # for the prompt, in tokens
    can_continue: bool = True  # until the server shows that it cannot

    @property
    def replaces(self) -> bool:
        """Whether the answer takes the place of the text so far."""
        return bool(self.said) and not self.can_continue

    def learn(self, failure: Failure) -> None:
        """Ask otherwise where the same request would fail the same way."""
        if isinstance(failure, CannotContinue):
            self.can_continue = False
        elif isinstance(failure, PromptTooLong):
            self.room //= 2


class Model:
    """What answers. Any number of threads may ask it at once."""

    def __init__(self, adapter: Adapter, url: str, settings: Settings) -> None:
        self._adapter = adapter
        self._url = url
        self._token = settings.model_token
        used = settings.max_new_tokens + size(settings.system_prompt or "")
        self._room = max(settings.model_context - used, 1)

    def answer(
        self, lines: Sequence[Line], said: str, call: Call
    ) -> Iterator[str | Wait | Restart]:
        """Give the reply's text in pieces, continuing what was ``said`` of it.

        ``said`` and the pieces, or all pieces after a `Restart`, add up to the whole reply.

        Raises:
            ModelUnavailable, ModelTimeout, ModelRefused: There is no whole reply.
            Cancelled: The call was called off.
        """
        try:
            yield from self._answer(lines, said, call)
        except ModelError as error:
            log.warning("no answer from %s: %s: %s", place(self._url), error.code, error)
            raise

    def _answer(
        self, lines: Sequence[Line], said: str, call: Call
    ) -> Iterator[str | Wait | Restart]:
        request, retry = _Request(said, self._room), Retry()
        while True:
            before = len(request.said)
            try:
                yield from self._try(lines, request, call)
                return
            except (NotReady, CannotContinue, ModelRefused) as error:
                failure: Failure = error
            progress = request.can_continue and len(request.said) > before
            decision = retry.after(failure, progress=progress, left=call.left())
            if isinstance(decision, GiveUp):
                raise decision.error
            log.info("the model is asked again in %.1f s: %s", decision.pause, failure)
            request.learn(failure)
            if decision.wait:
                yield decision.wait
            call.sleep(decision.pause)

    def _try(self, lines: Sequence[Line], request: _Request, call: Call) -> Iterator[str | Restart]:
        """Ask once. The text so far is void only when the text that replaces it comes."""
        replaces = request.replaces
        for piece in self._ask(lines, request, call):
            if replaces:
                yield Restart()
                request.said, replaces = "", False
            request.said += piece
            yield piece
        if replaces or not request.said:
            raise ModelRefused("an empty answer")

    def _ask(self, lines: Sequence[Line], request: _Request, call: Call) -> Iterator[str]:
        begun = "" if request.replaces else request.said
        text = Text(begun)  # what an earlier request held back comes again
        # What was said of the reply takes room too, or the model would have none to go on in.
        shown = fit(lines, request.room - size(begun))
        body = self._adapter.body(shown, begun, request.room)
        try:
            with post(self._url, self._token, body, call) as response:
                if not self._adapter.can_continue(response):
                    request.can_continue = False
                    if begun:
                        raise CannotContinue("the server has begun another reply")
                for piece in self._pieces(response, begun):
                    if new := text.add(piece):
                        yield new
                    if text.ended:
                        return
        except BadRequest as refused:
            if begun and not self._adapter.can_continue(None):
                raise CannotContinue(str(refused)) from refused
            raise
        if new := text.end():
            yield new

    def _pieces(self, response: Response, said: str) -> Iterator[str]:
        """Give the pieces of a stream, or of the one body of a server that does not stream."""
        try:
            if not response.streams:
                yield _text(self._adapter.whole(response.json())).removeprefix(said)
                return
            for data in events(response.chunks()):
                if data.strip() == "[DONE]":
                    return
                piece, last = self._adapter.piece(json.loads(data))
                yield _text(piece)
                if last:
                    return
        except _WRONG as error:
            raise ModelRefused(f"the answer is not of the protocol: {error!r}") from error
        raise NotReady("the stream was cut")


def _text(piece: Any) -> str:
    if not isinstance(piece, str):
        raise TypeError(f"{type(piece).__name__} instead of text")
    return piece
