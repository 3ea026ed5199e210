"""The model behind a base address, which is asked for its protocol before its first message."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from chat.errors import ModelError, ModelRefused, ModelTimeout
from chat.settings import Settings
from tasks.models.address import NAMES, Address
from tasks.models.address_discovery import Discovery, discover
from tasks.models.call import Call
from tasks.models.connection_pool import ConnectionPool
from tasks.models.credentials import Credentials
from tasks.models.failures import TransientError
from tasks.models.http import get, loggable_url
from tasks.models.model import Model
from tasks.models.protocols import model_at
from tasks.models.reply_items import ReplyItem
from tasks.models.retry_policy import Abort, RetryPolicy
from tasks.prompt import PromptMessage

log = logging.getLogger(__name__)

ANSWER_TIMEOUT = 5.0  # seconds for one of the questions
START_TIMEOUT = 15.0  # seconds for all of them when a process starts


class DiscoveredModel:
    """Finds the model's address when the process starts, or else before the next message.

    The questions are a part of the message's tries: they have the pauses and the bounds of the
    retry policy.
    """

    def __init__(self, settings: Settings, variable: str) -> None:
        """``variable`` names the environment variable of the base address, for the log."""
        self._settings = settings
        self._variable = variable
        self._url = settings.model_url or ""
        self._credentials = Credentials(settings.model_token, settings.model_headers, self._url)
        self._lock = threading.Lock()
        self._model: Model | None = None
        self.discovery: Discovery | None = None  # None: not known yet

    def start(self) -> None:
        """Look for the address once. Logs which one was taken, or what to do."""
        try:
            self._discover(Call(time.monotonic() + START_TIMEOUT))
        except (TransientError, ModelTimeout) as error:
            log.warning(
                "%s: nothing answers at %s (%s); it is asked again with the next message",
                *(self._variable, loggable_url(self._url), error),
            )

    def answer(
        self,
        messages: Sequence[PromptMessage],
        partial_text: str,
        call: Call,
        retry: RetryPolicy | None = None,
        *,
        kept_text: str = "",
    ) -> Iterator[ReplyItem]:
        """Yield the reply as `Model.answer` does."""
        retry = retry or RetryPolicy()
        model = self._model or (yield from self._discovered(call, retry))
        any_item = False
        try:
            for item in model.answer(messages, partial_text, call, retry, kept_text=kept_text):
                any_item = True
                yield item
        except ModelError as error:
            completions = None if any_item else self._without_chat_template(error, model)
            if completions is None:
                raise
        else:
            return
        yield from completions.answer(messages, partial_text, call, retry, kept_text=kept_text)

    def _discovered(self, call: Call, retry: RetryPolicy) -> Generator[ReplyItem, None, Model]:
        while True:
            try:
                return self._discover(call)
            except TransientError as error:
                failure = error
            decision = retry.decide(failure, progress=False, time_left=call.time_left())
            if isinstance(decision, Abort):
                log.warning("no answer from %s: %s", loggable_url(self._url), decision.error)
                raise decision.error
            if decision.notice:
                yield decision.notice
            call.sleep(decision.pause)

    def _discover(self, call: Call) -> Model:
        pool = ConnectionPool(1)

        def ask(url: str) -> tuple[int, object]:
            try:
                with call.limited(ANSWER_TIMEOUT):
                    return get(pool, url, self._credentials, call)
            except ModelTimeout:
                call.time_left()
                raise TransientError(f"no answer within {ANSWER_TIMEOUT:.0f} s") from None

        return self._take(discover(self._url, self._settings.model_name, ask))

    def _take(self, discovery: Discovery) -> Model:
        with self._lock:
            if self._model is None:
                self.discovery = discovery
                settings = replace(self._settings, model_name=discovery.model_name)
                self._model = model_at(discovery.address, settings)
                log.warning("%s: %s", self._variable, description(discovery, self._variable))
            return self._model

    def _without_chat_template(self, error: ModelError, failed: Model) -> Model | None:
        """Return the model at the address of completions, if its chat does not work at all."""
        with self._lock:
            found = self.discovery
            if not found or not _says_no_chat(error):
                return None
            if self._model is not failed:  # another thread was faster
                return self._model
            if found.address.protocol != "chat":
                return None
            url = found.address.url.replace("/chat/completions", "/completions")
            self._model = None
        return self._take(found._replace(address=Address(url, "completions")))


def _says_no_chat(error: ModelError) -> bool:
    cause = str(error)
    status = cause.partition("HTTP ")[2][:3]
    about_template = "chat template" in cause.lower() or "template not found" in cause.lower()
    # `transformers serve` 5.24 answers 500 for a model without a chat template.
    no_route = status in ("405", "501") or (status == "404" and "model" not in cause.lower())
    crashed = status == "500" and not isinstance(error, ModelRefused)
    return about_template or no_route or crashed


def description(discovery: Discovery, variable: str) -> str:
    """Return one line that says which address was taken, or what to set."""
    address, name, served, certain = discovery
    line = f"{loggable_url(address.url)} is asked, with {NAMES[address.protocol]}"
    if not certain:
        return (
            f"{line}; no model's server was recognised there. If it is one of OpenAI's protocols,"
            f" set {variable} to the address that ends in /chat/completions or /completions"
        )
    line += f", for {name}"
    if served and name not in served and address.protocol != "hugging_face":
        names = variable.replace("URL", "NAME")
        return f"{line}; it serves {', '.join(served[:5])}: set {names} to one of them"
    return line
