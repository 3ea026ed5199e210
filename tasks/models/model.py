"""A model behind a URL: sends requests, retries them, and yields the text of the reply."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chat import metrics
from chat.errors import ModelError, ModelRefused
from chat.settings import Settings
from tasks.models.adapter import Adapter
from tasks.models.call import Call
from tasks.models.connection_pool import ConnectionPool
from tasks.models.failures import BadRequest, CannotContinue, PromptTooLong, TransientError
from tasks.models.http import Response, loggable_url, post
from tasks.models.reply_text import ReplyText
from tasks.models.retry_policy import Abort, Failure, RetryNotice, RetryPolicy
from tasks.models.sse import events
from tasks.prompt import PromptMessage, estimate_tokens, trim_messages

log = logging.getLogger(__name__)

# What parsing an answer raises if it is not of the protocol, or nested too deeply for the parser.
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class Restart:
    """The text so far is void: the server could not continue it and began another reply."""


@dataclass
class _Request:
    """The next request for a message, adjusted after each failed one."""

    partial_text: str  # all text that was yielded, less what a `Restart` made void
    max_prompt_tokens: int
    can_continue: bool = True  # whether the server can continue a partial reply, as far as known

    @property
    def replaces(self) -> bool:
        """Whether the answer replaces the partial text instead of continuing it."""
        return bool(self.partial_text) and not self.can_continue

    def adjust(self, failure: Failure) -> None:
        """Change what caused ``failure``, if it lies in the request."""
        if isinstance(failure, CannotContinue):
            self.can_continue = False
        elif isinstance(failure, PromptTooLong):
            self.max_prompt_tokens //= 2


class Model:
    """The configured model. Any number of threads may use it at once."""

    def __init__(self, adapter: Adapter, url: str, settings: Settings) -> None:
        self._adapter = adapter
        self._url = url
        self._token = settings.model_token
        self._connections = ConnectionPool(settings.worker_concurrency)
        reserved = settings.max_new_tokens + estimate_tokens(settings.system_prompt or "")
        self._max_prompt_tokens = max(settings.model_context - reserved, 1)

    def answer(
        self, messages: Sequence[PromptMessage], partial_text: str, call: Call
    ) -> Iterator[str | RetryNotice | Restart]:
        """Yield the text of the reply to ``messages`` as it arrives, after ``partial_text``.

        ``partial_text`` and all strings, joined, are the reply. After a `Restart` the reply is the
        strings that follow it. A `RetryNotice` comes before a pause that may be long.

        Raises:
            ModelUnavailable, ModelTimeout, ModelRefused: The reply is not complete.
            Cancelled: The call was cancelled.
        """
        try:
            yield from self._answer(messages, partial_text, call)
        except ModelError as error:
            log.warning("no answer from %s: %s: %s", loggable_url(self._url), error.code, error)
            raise

    def _answer(
        self, messages: Sequence[PromptMessage], partial_text: str, call: Call
    ) -> Iterator[str | RetryNotice | Restart]:
        request, retry = _Request(partial_text, self._max_prompt_tokens), RetryPolicy()
        while True:
            length_before = len(request.partial_text)
            try:
                yield from self._try(messages, request, call)
                return
            except (TransientError, CannotContinue, ModelRefused) as error:
                failure: Failure = error
            progress = request.can_continue and len(request.partial_text) > length_before
            decision = retry.decide(failure, progress=progress, time_left=call.time_left())
            if isinstance(decision, Abort):
                raise decision.error
            metrics.model_retries.inc()
            log.info("the model is asked again in %.1f s: %s", decision.pause, failure)
            request.adjust(failure)
            if decision.notice:
                yield decision.notice
            call.sleep(decision.pause)

    def _try(
        self, messages: Sequence[PromptMessage], request: _Request, call: Call
    ) -> Iterator[str | Restart]:
        """Send one request. Yields a `Restart` only together with text that replaces the old."""
        replaces = request.replaces
        for text in self._send(messages, request, call):
            if replaces:
                yield Restart()
                request.partial_text, replaces = "", False
            request.partial_text += text
            yield text
        if replaces or not request.partial_text:
            raise ModelRefused("an empty answer")

    def _send(
        self, messages: Sequence[PromptMessage], request: _Request, call: Call
    ) -> Iterator[str]:
        """Send one request. Yields the reply's text as far as it is certain."""
        to_continue = "" if request.replaces else request.partial_text
        reply = ReplyText(to_continue)  # text that was pending in an earlier request comes again
        # The partial text is part of the prompt too.
        trimmed = trim_messages(messages, request.max_prompt_tokens - estimate_tokens(to_continue))
        body = self._adapter.request_body(trimmed, to_continue, request.max_prompt_tokens)
        metrics.model_requests.inc()
        try:
            with post(self._connections, self._url, self._token, body, call) as response:
                if not self._adapter.can_continue(response):
                    request.can_continue = False
                    if to_continue:
                        raise CannotContinue("the server has begun another reply")
                for text in self._received(response, to_continue):
                    if certain := reply.add(text):
                        yield certain
                    if reply.stopped:
                        return
        except BadRequest as error:
            if to_continue and not self._adapter.can_continue(None):
                raise CannotContinue(str(error)) from error
            raise
        if certain := reply.finish():
            yield certain

    def _received(self, response: Response, partial_text: str) -> Iterator[str]:
        """Yield the text of each event of a stream, or of a body that is not a stream.

        A body that is not a stream may repeat ``partial_text``.
        """
        try:
            if not response.is_event_stream:
                text = _checked(self._adapter.body_text(response.json()))
                yield text.removeprefix(partial_text)
                return
            for data in events(response.chunks()):
                if data.strip() == "[DONE]":
                    response.about_to_end = True
                    return
                text, is_last = self._adapter.event_text(json.loads(data))
                response.about_to_end = is_last
                yield _checked(text)
                if is_last:
                    return
        except _MALFORMED as error:
            raise ModelRefused(f"the answer is not of the protocol: {error!r}") from error
        raise TransientError("the stream was cut")


def _checked(text: Any) -> str:
    """Return ``text``. Raises TypeError if the server sent something else in its place."""
    if not isinstance(text, str):
        raise TypeError(f"{type(text).__name__} instead of text")
    return text
