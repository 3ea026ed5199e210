"""A model behind a URL: sends requests, retries them, and yields the text of the reply."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chat import metrics
from chat.errors import ModelError, ModelRefused
from chat.settings import Settings
from tasks.models.adapter import Adapter
from tasks.models.answer import Answer
from tasks.models.call import Call
from tasks.models.connection_pool import ConnectionPool
from tasks.models.credentials import Credentials
from tasks.models.failures import (
    BadRequest,
    CannotContinue,
    Failed,
    ModelUnusable,
    ParametersRefused,
    PromptTooLong,
    TransientError,
)
from tasks.models.http import loggable_url, post
from tasks.models.message_continuation import MessageContinuation
from tasks.models.parameters import Body, Changes, Parameters, changed
from tasks.models.refused_parameters import STATUSES, refused
from tasks.models.reply_items import Finished, ReplyItem, Restart, Thinking
from tasks.models.reply_text import ReplyText
from tasks.models.rest_of_reply import RestOfReply, asking_for_rest
from tasks.models.retry_policy import Abort, Failure, RetryPolicy
from tasks.prompt import PromptMessage, end_of, estimate_tokens, trim_messages

log = logging.getLogger(__name__)


@dataclass
class _Request:
    """The next request for a message, adjusted after each failed one."""

    partial_text: str  # all text that was yielded, less what a `Restart` made void
    max_prompt_tokens: int
    changes: Changes  # of the parameters that this server has refused
    kept_text: str = ""  # the beginning of the partial text that nothing makes void
    can_continue: bool = True  # whether the server can continue a partial reply, as far as known
    finished: Finished | None = None  # set by a request that has brought the end of the reply

    @property
    def replaces(self) -> bool:
        """Whether the answer replaces the partial text instead of continuing it."""
        return bool(self.partial_text) and not self.can_continue and not self.kept_text

    @property
    def asks_for_rest(self) -> bool:
        """Whether the person's side asks for the rest of the partial text."""
        return bool(self.kept_text) and not self.can_continue

    def adjust(self, failure: Failure) -> None:
        """Change what caused ``failure``, if it lies in the request."""
        if isinstance(failure, CannotContinue):
            self.can_continue = False
        elif isinstance(failure, PromptTooLong):
            self.max_prompt_tokens //= 2
        elif isinstance(failure, ParametersRefused):
            self.changes = failure.changes


class Model:
    """The configured model. Any number of threads may use it at once."""

    def __init__(self, adapter: Adapter, url: str, settings: Settings) -> None:
        self._adapter = adapter
        self._url = url
        self._credentials = Credentials(settings.model_token, settings.model_headers, url)
        self._parameters = Parameters(loggable_url(url))
        self._name = settings.model_name
        self._continuation = MessageContinuation(url, self._credentials)
        self._connections = ConnectionPool(settings.worker_concurrency)
        reserved = settings.max_new_tokens + estimate_tokens(settings.system_prompt or "")
        self._max_prompt_tokens = max(settings.model_context - reserved, 1)

    def answer(
        self,
        messages: Sequence[PromptMessage],
        partial_text: str,
        call: Call,
        retry: RetryPolicy | None = None,
        *,
        kept_text: str = "",
    ) -> Iterator[ReplyItem]:
        """Yield the text of the reply to ``messages`` as it arrives, after ``partial_text``.

        ``partial_text`` and all strings, joined, are the reply. After a `Restart` the reply is
        ``kept_text``, with which ``partial_text`` begins, and the strings that follow the
        `Restart`. A `RetryNotice` comes before a pause that may be long. The last item is
        `Finished`. ``retry`` is a policy that knows of earlier failures for this message.

        A server that cannot continue ``partial_text`` begins another reply, or, if there is
        ``kept_text``, is asked for the rest.

        Raises:
            ModelUnavailable, ModelTimeout, ModelRefused: The reply is not complete.
            Cancelled: The call was cancelled.
        """
        try:
            changes = self._parameters.changes
            request = _Request(partial_text, self._max_prompt_tokens, changes, kept_text)
            yield from self._answer(messages, request, call, retry or RetryPolicy())
        except ModelError as error:
            log.warning("no answer from %s: %s: %s", loggable_url(self._url), error.code, error)
            raise

    def _answer(
        self, messages: Sequence[PromptMessage], request: _Request, call: Call, retry: RetryPolicy
    ) -> Iterator[ReplyItem]:
        while True:
            length_before = len(request.partial_text)
            try:
                yield from self._try(messages, request, call)
                if request.finished:
                    yield request.finished
                return
            except (TransientError, CannotContinue, ModelRefused) as error:
                failure: Failure = error
            adds = not request.replaces
            progress = adds and len(request.partial_text) > length_before
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
    ) -> Iterator[str | Thinking | Restart]:
        """Send one request. Yields a `Restart` only together with text that replaces the old."""
        replaces = request.replaces
        for item in self._send(messages, request, call):
            if isinstance(item, Thinking):
                yield item
                continue
            if isinstance(item, Restart):  # the text so far was what the model thought
                replaces = request.partial_text != request.kept_text
                continue
            if replaces:
                yield Restart()
                request.partial_text, replaces = request.kept_text, False
            request.partial_text += item
            yield item
        if replaces or not request.partial_text:
            raise ModelRefused("an empty answer")

    def _send(
        self, messages: Sequence[PromptMessage], request: _Request, call: Call
    ) -> Iterator[str | Thinking | Restart]:
        """Send one request. Yields the reply's text as far as it is certain."""
        partial_text = "" if request.replaces else request.partial_text
        # Text that was pending in an earlier request comes again.
        reply = ReplyText(partial_text, self._adapter.stop_sequence)
        # The partial text is part of the prompt too, and it may be longer than the prompt.
        to_continue = end_of(partial_text, request.max_prompt_tokens * 3 // 4)
        rest = None
        if request.asks_for_rest:
            rest = RestOfReply(to_continue)
            messages, to_continue = asking_for_rest(messages, to_continue), ""
        trimmed = trim_messages(messages, request.max_prompt_tokens - estimate_tokens(to_continue))
        body = changed(
            self._adapter.request_body(trimmed, to_continue, request.max_prompt_tokens),
            request.changes,
        )
        accepted = False
        metrics.model_requests.inc()
        try:
            with post(self._connections, self._url, self._credentials, body, call) as response:
                continues = self._adapter.can_continue(response)
                if not continues and not (to_continue and self._continuation.is_supported()):
                    request.can_continue = False
                    if to_continue:
                        raise CannotContinue("the server has begun another reply")
                prompt = body.get("prompt") or body.get("inputs") or ""
                answer = Answer(response, (prompt, to_continue))
                for item in answer.items():
                    if not accepted:
                        accepted = True
                        self._parameters.remember(request.changes)
                    if isinstance(item, Thinking):
                        yield item
                    elif isinstance(item, Restart):
                        yield item
                        text = request.kept_text
                        if rest:  # only what this answer has brought is void
                            rest, text = RestOfReply(partial_text), partial_text
                            if more := partial_text.removeprefix(request.kept_text):
                                yield more
                        reply = ReplyText(text, self._adapter.stop_sequence)
                    elif certain := reply.add(rest.add(item) if rest else item):
                        yield certain
                    if reply.stopped:
                        break
        except (TransientError, BadRequest, PromptTooLong, ModelUnusable) as error:
            if not accepted:
                _raise_for_parameters(body, error, request.changes)
            cannot = to_continue and not self._adapter.can_continue(None)
            if isinstance(error, BadRequest) and cannot:
                raise CannotContinue(str(error)) from error
            raise
        if rest and (certain := reply.add(rest.finish())):
            yield certain
        if certain := reply.finish():
            yield certain
        finish = "stop" if reply.stopped else answer.finish
        request.finished = Finished(finish, answer.model or self._name)


def _raise_for_parameters(body: Body, error: Failed, changes: Changes) -> None:
    """Raise ParametersRefused if ``error`` is about parameters of ``body``."""
    if error.status in STATUSES:
        needed = refused(body, str(error) if error.answer is None else error.answer, changes)
        if needed != changes:
            raise ParametersRefused(str(error), needed) from error
