"""The stand-in, in this process, and models that ask it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from chat.settings import load_settings
from tasks.models import Call, Model, Restart, Wait, model_for
from tasks.prompt import Line
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
    """Each protocol in turn."""
    name: str = request.param
    return name


ModelWith = Callable[..., Model]


@pytest.fixture
def model_with(standin: Standin, protocol: str) -> ModelWith:
    """Make a model of this protocol, with settings."""

    def make(**env: str) -> Model:
        return model_for(load_settings({"MODEL_URL": standin.url + PATHS[protocol], **env}))

    return make


@pytest.fixture
def model(model_with: ModelWith) -> Model:
    return model_with()


class Hurried(Call):
    """A question whose pauses take no time, but count against its deadline as if they did."""

    def __init__(self, within: float) -> None:
        super().__init__(time.monotonic() + within)
        self.pauses: list[float] = []  # seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._deadline -= seconds
        self.left()


class Answer:
    """All that a model gave for a message."""

    def __init__(self, model: Model, text: str, said: str = "", within: float = 20.0) -> None:
        self.text = said
        self.pieces: list[str] = []
        self.waits: list[Wait] = []
        self.restarts = 0
        self.call = Hurried(within)
        for piece in model.answer([Line("human", text)], said, self.call):
            if isinstance(piece, Wait):
                self.waits.append(piece)
            elif isinstance(piece, Restart):
                self.restarts += 1
                self.text = ""
            else:
                self.pieces.append(piece)
                self.text += piece
