"""Two models on real sockets: who is asked, and what the reply is made of."""

from __future__ import annotations

import logging
import socket
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from chat.errors import ModelRefused, ModelTimeout, ModelUnavailable
from chat.metrics import REGISTRY
from chat.settings import load_settings
from tasks.models import Call, Cancelled, Finished, models_for
from tasks.models.circuit_breaker import MAX_FAILURES
from tasks.models.retry_policy import MAX_TRIES, MAX_TRIES_BEFORE_SUCCESSOR
from tasks.prompt import PromptMessage
from tests.processes import free_port
from tests.standin import reply_to
from tests.tasks.models.conftest import PATHS, FastCall, Reply
from tests.tasks.models.raw_server import Answer, RawServer, head, http, raw_server, stream

FIRST = {"choices": [{"index": 0, "text": "first", "finish_reason": "stop"}], "model": "one"}
SECOND = {"choices": [{"index": 0, "text": "second", "finish_reason": "stop"}], "model": "two"}
OK = stream(FIRST)


def piece(text: str) -> dict:
    return {"choices": [{"index": 0, "text": text, "delta": {"content": text}}]}


def broken(text: str) -> bytes:
    """Return a stream that breaks after ``text``."""
    return stream(piece(text), {"error": {"message": "out of memory", "code": 500}})


def silence(client: socket.socket) -> None:
    client.recv(1)  # until the other side closes


def error(status: str, **fields: str) -> bytes:
    return http({"error": {"message": fields.get("message", "no")}}, status)


@pytest.fixture
def second() -> Iterator[RawServer]:
    with raw_server(stream(SECOND)) as server:
        yield server


@pytest.fixture
def models(client, second) -> Callable[..., object]:
    """Return a factory for a pair of models. It takes the first one's URL."""

    def make(url: str, **env: str):
        env = {
            "MODEL_URL": url,
            "MODEL_FALLBACK_URL": second.url + PATHS["completions"],
            "MODEL_NAME": "one",
            **env,
        }
        return models_for(load_settings(env), client)[0]

    return make


def answered(model, timeout: float = 20.0) -> tuple[str, str]:
    """Return the text of a reply, and the name of the model that finished it."""
    text, name = "", ""
    for item in model.answer([PromptMessage("human", "hello")], "", FastCall(timeout)):
        text += item if isinstance(item, str) else ""
        name = item.model if isinstance(item, Finished) else name
    return text, name


def test_the_first_model_answers_if_it_can(models, second):
    with raw_server(OK) as first:
        assert answered(models(first.url + PATHS["completions"])) == ("first", "one")
    assert not second.requests


@pytest.mark.parametrize(
    "answer",
    [
        error("500 Broken"),
        error("502 Bad Gateway"),
        error("503 Unavailable"),
        error("429 Busy"),
        http({"error": "loading", "estimated_time": 600}, "503 Unavailable"),
        http({"error": "busy"}, "429 Busy", **{"Retry-After": "600"}),
        error("401 Unauthorized"),
        error("402 Payment Required"),
        error("403 Forbidden"),
        error("404 Not Found"),
        error("410 Gone"),
        error("307 Moved"),
        # Gemini, Groq and Anthropic answer 400 to a wrong key, a retired model and no credit.
        error("400 Bad", message="API key not valid. Please pass a valid API key."),
        error(
            "400 Bad", message="The model `x` has been decommissioned and is no longer supported"
        ),
        error("400 Bad", message="Your credit balance is too low to access the Anthropic API."),
        http(b"<html>It works!</html>", **{"Content-Type": "text/html"}),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        head("200 OK", **{"Content-Type": "text/event-stream"}),
    ],
    ids=range(18),
)
def test_the_second_model_answers_if_the_first_cannot(models, second, answer: Answer):
    with raw_server(answer) as first:
        assert answered(models(first.url + PATHS["completions"])) == ("second", "two")
        assert 1 <= len(first.requests) <= MAX_TRIES_BEFORE_SUCCESSOR
    assert len(second.requests) == 1


def test_the_requests_to_both_models_and_the_fallback_are_counted(models, second):
    names = ("chat_model_requests_total", "chat_model_fallbacks_total")
    before = [REGISTRY.get_sample_value(name) for name in names]
    with raw_server(error("401 Unauthorized")) as first:
        answered(models(first.url + PATHS["completions"]))
    after = [REGISTRY.get_sample_value(name) for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 1]


def test_a_closed_port_and_an_unknown_host_are_no_obstacle(models):
    for host in (f"127.0.0.1:{free_port()}", "model.invalid"):
        assert answered(models(f"http://{host}/v1/completions"))[0] == "second"


@pytest.mark.parametrize(
    "answer",
    [
        error("400 Bad", message="The response was filtered: content_filter"),
        error("403 Forbidden", message="Your input was flagged by moderation"),
        error("413 Too Large"),
        error("400 Bad", message="This model's maximum context length is 10 tokens"),
        error("422 Unprocessable"),
        error("451 Unavailable For Legal Reasons"),
    ],
    ids=range(6),
)
def test_what_the_person_wrote_is_no_reason_to_ask_the_second(models, second, answer: Answer):
    with raw_server(answer) as first, pytest.raises(ModelRefused):
        answered(models(first.url + PATHS["completions"]))
    assert not second.requests


def test_a_completing_model_goes_on_at_the_word(models, second):
    with raw_server(broken("One, two,"), error("500 Broken")) as first:
        second._answers = [stream(piece(" three."), SECOND)]
        reply = Reply(models(first.url + PATHS["completions"]), "Count.")
    assert reply.text == "One, two, three.second"
    assert reply.restarts == 0
    assert second.body(0)["prompt"].endswith("Bot: One, two,")


def test_a_chat_model_begins_anew(client, standin):
    marker = str(uuid.uuid4())
    ask = f"[[words=6]] {marker}"
    with raw_server(broken("echo: other words"), error("500 Broken")) as first:
        env = {"MODEL_URL": first.url + PATHS["completions"]}
        env["MODEL_FALLBACK_URL"] = standin.url + PATHS["chat"]
        reply = Reply(models_for(load_settings(env), client)[0], ask)
    assert (reply.text, reply.restarts) == (reply_to(ask), 1)


def test_the_first_may_be_silent_for_half_of_the_time(models):
    with raw_server(silence) as first:
        since = time.monotonic()
        assert answered(models(first.url + PATHS["completions"]), timeout=2.0)[0] == "second"
        assert 0.9 < time.monotonic() - since < 2


def test_a_silence_in_the_middle_of_a_reply_ends_likewise(models, second):
    begun = stream(piece("One, two,"))

    def stall(client: socket.socket) -> None:
        client.sendall(begun)
        silence(client)

    with raw_server(stall) as first:
        second._answers = [stream(piece(" three."), SECOND)]
        model = models(first.url + PATHS["completions"])
        assert answered(model, timeout=2.0)[0] == "One, two, three.second"


def test_both_share_one_deadline(models, second):
    second._answers = [silence]
    since = time.monotonic()
    with raw_server(silence) as first, pytest.raises(ModelTimeout):
        answered(models(first.url + PATHS["completions"]), timeout=1.0)
    assert time.monotonic() - since < 3


def test_both_share_the_bound_of_tries(models, second):
    second._answers = [error("500 Broken")]
    with raw_server(error("500 Broken")) as first:
        with pytest.raises(ModelUnavailable):
            answered(models(first.url + PATHS["completions"]))
        assert len(first.requests) == MAX_TRIES_BEFORE_SUCCESSOR
        assert len(first.requests) + len(second.requests) == MAX_TRIES


def test_after_five_failures_in_a_row_the_first_is_not_asked(models, second):
    with raw_server(error("401 Unauthorized")) as first:
        url = first.url + PATHS["completions"]
        for _ in range(MAX_FAILURES + 3):
            assert answered(models(url))[0] == "second"  # each time another worker
        assert len(first.requests) == MAX_FAILURES


def test_refusals_of_what_a_person_wrote_do_not_open_the_circuit(models):
    with raw_server(error("422 Unprocessable")) as first:
        for _ in range(MAX_FAILURES + 3):
            with pytest.raises(ModelRefused):
                answered(models(first.url + PATHS["completions"]))
        assert len(first.requests) == MAX_FAILURES + 3


def test_a_probe_is_let_through_and_its_first_text_closes_the_circuit(models, client):
    with raw_server(*[error("401 Unauthorized")] * MAX_FAILURES, OK) as first:
        model = models(first.url + PATHS["completions"])
        for _ in range(MAX_FAILURES):
            answered(model)
        assert answered(model)[0] == "second"
        client.delete(*client.keys("chat:model:*:open"))  # the 30 s are over
        assert answered(model)[0] == "first"
        assert answered(model)[0] == "first"
        assert not client.keys("chat:model:*")


def test_a_cancelled_probe_lets_the_next_one_through(models, client):
    with raw_server(*[error("401 Unauthorized")] * MAX_FAILURES, silence, OK) as first:
        model = models(first.url + PATHS["completions"])
        for _ in range(MAX_FAILURES):
            answered(model)
        client.delete(*client.keys("chat:model:*:open"))
        call = Call(time.monotonic() + 20)
        items = model.answer([PromptMessage("human", "hello")], "", call)
        call.cancel()
        with pytest.raises(Cancelled):
            next(items)
        assert answered(model)[0] == "first" or len(first.requests) == MAX_FAILURES + 1


def test_each_model_gets_its_own_name_key_and_headers(models, second):
    env = {
        "HUGGINGFACE_INFERENCE_TOKEN": "key-of-one",
        "MODEL_HEADERS": '{"x-of": "one"}',
        "MODEL_FALLBACK_NAME": "two",
        "MODEL_FALLBACK_TOKEN": "key-of-two",
        "MODEL_FALLBACK_HEADERS": '{"x-of": "two"}',
    }
    with raw_server(error("401 Unauthorized")) as first:
        answered(models(first.url + PATHS["completions"], **env))
        assert first.body(0)["model"] == "one"
        sent = first.requests[0].lower()
    assert b"bearer key-of-one\r\n" in sent
    assert b"x-of: one\r\n" in sent
    assert second.body(0)["model"] == "two"
    sent = second.requests[0].lower()
    assert b"bearer key-of-two\r\n" in sent
    assert b"x-of: two\r\n" in sent
    assert b"one" not in sent.partition(b"\r\n\r\n")[0]


# MODEL_HEADERS of one model


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ('{"api-key": "secret-1"}', {"api-key": "secret-1", "Authorization": "Bearer secret-2"}),
        ('{"authorization": "Basic secret-1"}', {"authorization": "Basic secret-1"}),
        ('{"X-Title": "caf\\u00e9"}', {"X-Title": "caf\u00e9"}),
    ],
)
def test_headers_are_sent_and_may_replace_the_key(standin, headers, expected):
    env = {"MODEL_URL": f"{standin.url}/v1/chat/completions?api-version=7"}
    env |= {"MODEL_HEADERS": headers, "HUGGINGFACE_INFERENCE_TOKEN": "secret-2"}
    marker = str(uuid.uuid4())
    Reply(models_for(load_settings(env), None)[0], marker)
    request = next(r for r in standin.requests if marker in str(r))
    assert expected.items() <= request["headers"].items()
    sent = [name for name in request["headers"] if name.lower() == "authorization"]
    assert len(sent) == 1
    assert request["path"] == "/v1/chat/completions?api-version=7"


def test_a_secret_that_a_server_repeats_is_not_logged(caplog):
    env = {"MODEL_HEADERS": '{"api-key": "hush-hush"}', "HUGGINGFACE_INFERENCE_TOKEN": "whisper"}
    message = "Incorrect API key provided: hush-hush, whisper"
    with raw_server(error("401 Unauthorized", message=message)) as server:
        env["MODEL_URL"] = server.url + PATHS["chat"]
        with caplog.at_level(logging.DEBUG), pytest.raises(ModelRefused) as raised:
            Reply(models_for(load_settings(env), None)[0], "hello")
    assert "Incorrect API key" in caplog.text
    for secret in ("hush", "whisper"):
        assert secret not in caplog.text + str(raised.value)
