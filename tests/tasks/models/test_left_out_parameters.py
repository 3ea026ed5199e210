"""What a server does not take is left out, and that is remembered: on real sockets."""

from __future__ import annotations

import uuid

import pytest

from chat.errors import ModelRefused
from chat.settings import load_settings
from tasks.models import model_for
from tasks.models.retry_policy import MAX_REQUESTS
from tests.standin import reply_to
from tests.tasks.models.conftest import PATHS, Reply
from tests.tasks.models.raw_server import http, raw_server, stream

CHAT = {"choices": [{"index": 0, "delta": {"content": "Hello."}, "finish_reason": "stop"}]}
COMPLETION = {"choices": [{"index": 0, "text": "Hello.", "finish_reason": "stop"}]}


def sent(standin, marker: str) -> list[dict]:
    """Return the parameters of all requests whose message has ``marker``."""
    bodies = [request["body"] for request in standin.requests if marker in str(request)]
    return [{**body, **body.pop("parameters", {})} for body in map(dict, bodies)]


@pytest.mark.parametrize(
    "name", ["max_tokens", "stop", "stream", "temperature", "top_p", "options", "truncate"]
)
def test_a_refused_parameter_is_left_out_once_and_for_all(model_with, standin, name, caplog):
    model = model_with(MODEL_TEMPERATURE="0.5", MODEL_TOP_P="0.5")
    marker = str(uuid.uuid4())
    ask = f"[[words=3 refuses={name}]] {marker}"
    for _ in range(2):
        assert Reply(model, ask).text == reply_to(ask)
    requests = sent(standin, marker)
    had_it = name in requests[0]
    assert len(requests) == 2 + had_it
    for request in requests[had_it:]:
        assert name not in request
        assert ("max_completion_tokens" in request) == (had_it and name == "max_tokens")
    lines = [r.getMessage() for r in caplog.records if name in r.getMessage()]
    assert len(lines) == had_it


def test_several_parameters_are_left_out_one_after_the_other(model_with, standin):
    model = model_with(MODEL_TEMPERATURE="0.5", MODEL_TOP_P="0.5")
    names = ["max_tokens", "max_new_tokens", "max_completion_tokens", "stop", "stream", "options"]
    names += ["temperature", "top_p", "truncate", "return_full_text"]
    marker = str(uuid.uuid4())
    ask = f"[[words=3 refuses={','.join(names)}]] {marker}"
    reply = Reply(model, ask)
    assert reply.text == reply_to(ask)
    assert len(sent(standin, marker)) <= MAX_REQUESTS
    assert not set(names) & sent(standin, marker)[-1].keys()
    assert all(pause >= 0.5 for pause in reply.call.pauses)


def test_a_refusal_of_what_is_essential_is_final(model, standin, protocol):
    essential = {"hugging face": "inputs", "completions": "prompt", "chat": "messages"}[protocol]
    marker = str(uuid.uuid4())
    with pytest.raises(ModelRefused):
        Reply(model, f"[[refuses={essential}]] {marker}")
    assert len(sent(standin, marker)) == 1


def test_what_did_not_help_is_not_remembered(caplog):
    """A server that names a parameter whatever it is sent."""
    error = {"error": {"message": "Unsupported parameter: 'top_p'", "param": "top_p"}}
    with raw_server(http(error, "400 Bad"), http(error, "400 Bad"), stream(CHAT)) as server:
        url = server.url + PATHS["chat"]
        model = model_for(load_settings({"MODEL_URL": url, "MODEL_TOP_P": "0.5"}))
        with pytest.raises(ModelRefused):
            Reply(model, "hello")
        assert Reply(model, "hello").text == "Hello."
        assert ["top_p" in server.body(n) for n in range(3)] == [True, False, True]
    assert "left out" not in caplog.text


def test_a_limit_that_is_too_high_is_lowered():
    error = {"error": {"message": "max_tokens is too large: 256. At most 100.", "type": "x"}}
    with raw_server(http(error, "400 Bad"), stream(CHAT)) as server:
        model = model_for(load_settings({"MODEL_URL": server.url + PATHS["chat"]}))
        assert Reply(model, "hello").text == "Hello."
        assert [server.body(n)["max_tokens"] for n in range(2)] == [256, 100]


def test_an_error_that_is_text_or_a_list_is_understood():
    for body in (
        b"unknown field `stop`, expected one of `stream`",
        [{"error": "Unknown name stop"}],
    ):
        with raw_server(http(body, "422 Bad"), stream(COMPLETION)) as server:
            model = model_for(load_settings({"MODEL_URL": server.url + PATHS["completions"]}))
            assert Reply(model, "hello").text == "Hello."

            assert "stop" not in server.body(1)


def test_an_error_in_a_stream_is_understood_too():
    """TGI 2.4 answers 200 for a wrong value (huggingface/text-generation-inference#2749)."""
    error = {"error": "Input validation error: `top_p` must be > 0.0", "error_type": "validation"}
    token = {"index": 1, "token": {"text": "Hello.", "special": False}, "generated_text": "Hello."}
    with raw_server(stream(error), stream(token)) as server:
        model = model_for(load_settings({"MODEL_URL": server.url, "MODEL_TOP_P": "0.5"}))
        assert Reply(model, "hello").text == "Hello."
        assert "top_p" not in server.body(1)["parameters"]
