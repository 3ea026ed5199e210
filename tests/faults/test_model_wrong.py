"""A chat server whose answers all break after some text, and a real worker."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tasks.models.retry_policy import MAX_TRIES
from tests import directives
from tests.clients import Events, begin, history
from tests.system import System


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("wrong")
    with System(folder, webs=1, workers=1, model_path="/v1/chat/completions") as system:
        yield system


@pytest.mark.parametrize(
    ("fault", "code", "requests"),
    [
        ("cut:3", "model_unavailable", MAX_TRIES),
        ("error:3", "model_unavailable", MAX_TRIES),
    ],
)
def test_requests_are_bounded_and_the_reply_keeps_its_text_and_gets_an_error(
    system, fault, code, requests
):
    name = str(uuid.uuid4())
    socket = Events(system.web.ws, begin(system.web.url))
    message_id = socket.say(f"[[words=9 fault={fault}]] {name}")
    failure = socket.until_answered(message_id)
    assert (failure["type"], failure["code"]) == ("error", code)
    assert len(directives.requests_with(system, name)) == requests
    reply = history(system.web.url, socket.token)[1]
    assert (reply["status"], reply["error"]) == ("failed", code)
    assert reply["msg"] == f"Bot: echo: {name} w0"
