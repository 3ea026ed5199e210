"""The stand-in in this process, and models that send their requests to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

from chat.settings import load_settings
from tasks.models import Call, Finished, Model, Restart, RetryNotice, Thinking, model_for
from tasks.prompt import PromptMessage
from tests.standin import Standin

PATHS = {"hugging face": "/", "completions": "/v1/completions", "chat": "/v1/chat/completions"}


@pytest.fixture(scope="session")
def standin() -> Iterator[Standin]:
    server = Standin()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(params=PATHS)
def protocol(request: pytest.FixtureRequest) -> str:
    """Each protocol, one after the other."""
    name: str = request.param
    return name


ModelWith = Callable[..., Model]


@pytest.fixture
def model_with(standin: Standin, protocol: str) -> ModelWith:
    """Return a factory for models of this protocol. It takes settings."""

    def make(**env: str) -> Model:
        return model_for(load_settings({"MODEL_URL": standin.url + PATHS[protocol], **env}))

    return make


@pytest.fixture
def model(model_with: ModelWith) -> Model:
    return model_with()


def text_of(items: Iterable[object]) -> str:
    """Return the text of what a model yields."""
    return "".join(item for item in items if isinstance(item, str))


class FastCall(Call):
    """A call whose pauses take no time. They shorten its deadline instead."""

    def __init__(self, timeout: float) -> None:
        super().__init__(time.monotonic() + timeout)
        self.pauses: list[float] = []  # seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._deadline -= seconds
        self.time_left()


class Reply:
    """All that a model yields for a message, collected."""

    def __init__(
        self,
        model: Model,
        message: str,
        partial_text: str = "",
        timeout: float = 20.0,
        *,
        keeps: bool = False,
    ) -> None:
        self.text = partial_text
        self.texts: list[str] = []
        self.notices: list[RetryNotice] = []
        self.restarts = 0
        self.thinking = 0  # how often the model said that it thinks
        self.finished: Finished | None = None
        self.call = FastCall(timeout)
        kept_text = partial_text if keeps else ""
        messages = [PromptMessage("human", message)]
        for item in model.answer(messages, partial_text, self.call, kept_text=kept_text):
            if isinstance(item, RetryNotice):
                self.notices.append(item)
            elif isinstance(item, Restart):
                self.restarts += 1
                self.text = kept_text
            elif isinstance(item, Thinking):
                self.thinking += 1
            elif isinstance(item, Finished):
                self.finished = item
            else:
                self.texts.append(item)
                self.text += item
