"""A model behind a URL: asks it, waits for it, asks it again, and gives its text in pieces."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator, Sequence
from math import inf
from typing import Any, NamedTuple, Protocol

from chat.errors import ModelError, ModelRefused, ModelUnavailable
from chat.settings import Settings
from tasks.models.call import Call
from tasks.models.http import Response, place, post
from tasks.models.refusal import Loading, NotReady, PromptTooLong
from tasks.models.sse import events
from tasks.models.text import Text
from tasks.prompt import Line, fit, size

log = logging.getLogger(__name__)

# A model that is being loaded is waited for until the deadline; all else is tried so often.
MOST_TRIES = 4
BACK_OFF = 0.5  # seconds before the second try, doubled for each further one
MOST_BACK_OFF = 8.0
# Servers that load a model estimate minutes; it may be there sooner.
MOST_WAIT = 10.0  # seconds


class Wait(NamedTuple):
    """The model is not ready; it is asked again in ``retry_after`` seconds."""

    code: str
    retry_after: float


class Restart:
    """The text so far is void: its server cannot go on from it, and begins anew."""


class Adapter(Protocol):
    """How one protocol asks and answers."""

    def goes_on(self, response: Response | None) -> bool:
        """Tell whether a reply can be gone on with; without a response, whether that is known."""

    def body(self, lines: Sequence[Line], said: str, room: int) -> dict[str, Any]:
        """Return the request for what follows ``said``; ``room`` is in tokens."""

    def piece(self, event: Any) -> tuple[str, bool]:
        """Return the text of an event of a stream, and whether it is the last."""

    def whole(self, body: Any) -> str:
        """Return the text of an answer in one body."""


class Model:
    """What answers. Any number of threads may ask it at once."""

    def __init__(self, adapter: Adapter, url: str, settings: Settings) -> None:
        self._adapter = adapter
        self._url = url
        self._token = settings.model_token
        used = settings.max_new_tokens + size(settings.system_prompt or "")
        self._room = max(settings.model_context - used, 1)
        self._goes_on: bool | None = None  # until the server's first answer

    def answer(
        self, lines: Sequence[Line], said: str, call: Call
    ) -> Iterator[str | Wait | Restart]:
        """Give the reply's text in pieces, going on from what was ``said`` of it.

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
        text, room, tries = Text(said), self._room, 0
        while True:
            begun = text.said
            text = Text(begun)  # what was held back comes again
            try:
                if begun and self._goes_on is False:
                    yield Restart()
                    text = Text()
                yield from self._ask(lines, text, room, call)
                if not text.said:
                    raise ModelRefused("an empty answer")
                return
            except _CannotGoOn:
                continue
            except PromptTooLong:
                if room < self._room:
                    raise
                room //= 2
            except NotReady as error:
                loads = isinstance(error, Loading)
                # A stream that brought something before it broke has been a success so far,
                # unless all of it is begun anew.
                tries = 1 if text.said != begun and self._goes_on else tries + (not loads)
                wait = _wait(error, tries)
                too_late = error.retry_after is not None and wait > call.left()
                if not loads and (tries >= MOST_TRIES or too_late):
                    raise ModelUnavailable(str(error)) from error
                log.info("the model is not ready: %s; again in %.1f s", error, wait)
                if error.busy or loads:
                    yield Wait("busy" if error.busy else "model_unavailable", wait)
                call.sleep(wait * random.uniform(1.0, 1.1))  # others were told the same

    def _ask(self, lines: Sequence[Line], text: Text, room: int, call: Call) -> Iterator[str]:
        # What was said of the reply takes room too, or the model would have none to go on in.
        asked = self._adapter.body(fit(lines, room - size(text.said)), text.said, room)
        try:
            with post(self._url, self._token, asked, call) as response:
                self._goes_on = self._adapter.goes_on(response)
                if text.said and not self._goes_on:
                    raise _CannotGoOn
                for piece in self._pieces(response, text.said):
                    if new := text.add(piece):
                        yield new
                    if text.ended:
                        return
        except ModelRefused as error:
            if text.said and not self._adapter.goes_on(None) and type(error) is ModelRefused:
                self._goes_on = False  # it will not have a reply's beginning
                raise _CannotGoOn from error
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
                if data == "[DONE]":
                    return
                piece, last = self._adapter.piece(json.loads(data))
                yield _text(piece)
                if last:
                    return
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise ModelRefused(f"the answer is not of the protocol: {error!r}") from error
        raise NotReady("the stream was cut")


class _CannotGoOn(Exception):
    """The server has begun another reply where it was asked to go on with one."""


def _text(piece: Any) -> str:
    if not isinstance(piece, str):
        raise TypeError(f"{type(piece).__name__} instead of text")
    return piece


def _wait(error: NotReady, tries: int) -> float:
    """Return how long to wait before the next try, in seconds."""
    if error.retry_after is not None:
        return min(max(error.retry_after, 0.1), MOST_WAIT if isinstance(error, Loading) else inf)
    return float(min(BACK_OFF * 2 ** (tries - 1), MOST_BACK_OFF) * random.uniform(0.5, 1.0))
