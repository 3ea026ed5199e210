"""Chat servers that continue the last message, and those that do not."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from chat.settings import load_settings
from tasks.models import model_for
from tasks.models.credentials import Credentials
from tasks.models.message_continuation import MessageContinuation
from tests.standin import Standin
from tests.tasks.models.conftest import Reply
from tests.tasks.models.raw_server import http, raw_server, stream

NOBODY = Credentials(None, {})


@pytest.fixture
def vllm() -> Iterator[Standin]:
    """A server that says of itself that it is vLLM, and does what vLLM does."""
    with Standin() as server:
        server.owner = "vllm"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("keeps", [True, False])
def test_vllm_continues_the_message_with_one_request(vllm, keeps):
    model = model_for(load_settings({"MODEL_URL": f"{vllm.url}/v1/chat/completions"}))
    for _ in range(2):
        reply = Reply(model, "[[words=3]] please", "echo: please w0", keeps=keeps)
        assert (reply.text, reply.restarts) == ("echo: please w0 w1 w2", 0)
    assert len(vllm.requests) == 2
    assert vllm.requests[0]["body"]["continue_final_message"] is True


def test_a_server_is_asked_once(standin):
    continuation = MessageContinuation(f"{standin.url}/v1/chat/completions", NOBODY)
    assert not continuation.is_supported()
    standin.owner = "vllm"
    try:
        assert not continuation.is_supported()
    finally:
        standin.owner = "tests"


@pytest.mark.parametrize("body", [[], {}, {"data": [1]}, {"data": [{"id": "m"}]}, None, "html"])
def test_a_list_of_models_of_another_shape_is_no_support(body):
    with raw_server(http(body)) as server:
        assert not MessageContinuation(f"{server.url}/chat/completions", NOBODY).is_supported()


def test_a_server_that_does_not_answer_is_asked_again_later():
    continuation = MessageContinuation("http://127.0.0.1:1/v1/chat/completions", NOBODY)
    assert not continuation.is_supported()
    assert continuation._supported is None


def test_what_a_model_thinks_before_the_rest_is_left_out():
    """Its chat template has the opening tag, so the closing one is the first that is seen."""
    begun_anew = stream({"choices": [{"delta": {"content": "Another"}}]})
    parts = ("I should go on.", "\n</think>\n\n", "echo: please w0", " w1")
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    rest = stream(*({"choices": [{"delta": {"content": part}}]} for part in parts), end)
    with raw_server(begun_anew, http({"data": []}), rest) as server:
        model = model_for(load_settings({"MODEL_URL": f"{server.url}/v1/chat/completions"}))
        reply = Reply(model, "please", "echo: please w0", keeps=True)
    assert reply.text == "echo: please w0 w1"
