"""A base address on real sockets: found at the start, or with the next message."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chat.errors import ModelRefused, ModelUnavailable
from chat.settings import load_settings
from tasks.models import models_for
from tasks.models.discovered_model import DiscoveredModel
from tasks.models.retry_policy import MAX_TRIES
from tests.processes import free_port
from tests.tasks.models.conftest import Reply
from tests.tasks.models.raw_server import raw_server

MODELS = {"object": "list", "data": [{"id": "a-model"}]}
CHAT = {"choices": [{"message": {"content": "by chat"}, "finish_reason": "stop"}]}
COMPLETION = {"choices": [{"text": "by completion", "finish_reason": "stop"}]}
HUGGING_FACE = [{"generated_text": "by text generation"}]


class Server(ThreadingHTTPServer):
    """Answers each path with a status and JSON. All others have 404."""

    daemon_threads = True

    def __init__(self, port: int = 0, **answers: Any) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answers = {path.replace("__", "/"): answer for path, answer in answers.items()}
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        status, body = self.server.answers.get(self.path, (404, {"error": "no route"}))
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(port: int = 0, **answers: Any) -> Iterator[Server]:
    server = Server(port, **answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


OLLAMA = {"__v1__models": (200, MODELS), "__v1__chat__completions": (200, CHAT)}


def at(url: str, **env: str) -> DiscoveredModel:
    model, (discovered,) = models_for(load_settings({"MODEL_URL": url, **env}), None)
    assert model is discovered
    return discovered


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/api/chat"])
def test_a_base_is_found_at_the_start_and_one_line_says_so(path, caplog):
    with serving(**OLLAMA) as server:
        model = at(server.url + path)
        model.start()
        before = len(server.asked)
        assert Reply(model, "hello").text == "by chat"
        assert server.asked[before:] == ["POST /v1/chat/completions"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"MODEL_URL: {server.url}/v1/chat/completions is asked" in line
    assert "for a-model" in line


def test_a_line_names_the_models_if_the_configured_one_is_not_served(caplog):
    with serving(**OLLAMA) as server:
        at(server.url, MODEL_NAME="another").start()
    assert "it serves a-model: set MODEL_NAME to one of them" in caplog.text


def test_a_gpt_j_gets_completions():
    answers = {"__v1__models": (200, MODELS), "__v1__completions": (200, COMPLETION)}
    with serving(**answers) as server:
        assert Reply(at(server.url, MODEL_NAME="tiny-gpt-j"), "hello").text == "by completion"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        # vllm-project/vllm#39279, huggingface/text-generation-inference#1870
        (400, {"object": "error", "message": "default chat template is no longer allowed"}),
        (422, {"error": "Template error: template not found", "error_type": "template_error"}),
        (404, {"detail": "Not Found"}),
        (405, {"detail": "Method Not Allowed"}),
        (500, "Internal Server Error"),  # `transformers serve` 5.24
    ],
)
def test_a_model_without_a_chat_template_gets_completions(status, error, caplog):
    answers = {
        "__v1__models": (200, MODELS),
        "__v1__chat__completions": (status, error),
        "__v1__completions": (200, COMPLETION),
    }
    with serving(**answers) as server:
        model = at(server.url)
        assert Reply(model, "hello").text == "by completion"
        before = len(server.asked)
        assert Reply(model, "hello").text == "by completion"
        assert server.asked[before:] == ["POST /v1/completions"]
    assert f"{server.url}/v1/completions is asked" in caplog.text


def test_a_missing_model_is_no_missing_chat_template():
    error = {"error": {"message": "model 'a-model' not found"}}
    answers = {**OLLAMA, "__v1__chat__completions": (404, error)}
    with serving(**answers, __v1__completions=(200, COMPLETION)) as server:
        with pytest.raises(ModelRefused, match="not found"):
            Reply(at(server.url), "hello")
        assert "POST /v1/completions" not in server.asked


@pytest.mark.parametrize("info", [True, False])
def test_hugging_faces_protocol_at_a_bare_url_goes_on_to_work(info, caplog):
    """TGI, and a server that knows nothing but its one route."""
    answers: dict[str, Any] = {"__": (200, HUGGING_FACE)}
    if info:
        answers["__info"] = (200, {"model_id": "EleutherAI/gpt-j-6b", "max_total_tokens": 2048})
        answers["__v1__models"] = (200, MODELS)
    with serving(**answers) as server:
        model = at(server.url)
        model.start()
        assert Reply(model, "hello").text == "by text generation"
    assert ("set MODEL_URL to the address" in caplog.text) == (not info)


def test_a_server_that_is_down_at_the_start_is_asked_with_the_next_message(caplog):
    port = free_port()
    model = at(f"http://127.0.0.1:{port}")
    model.start()
    assert "it is asked again with the next message" in caplog.text
    with pytest.raises(ModelUnavailable):
        Reply(model, "hello")
    with serving(port, **OLLAMA):
        assert Reply(model, "hello").text == "by chat"
    assert caplog.text.count("is asked, with") == 1


def test_a_server_that_is_starting_is_asked_again_with_pauses():
    with serving(**{"__info": (503, {"error": "starting"})}) as server:
        model = at(server.url)
        with pytest.raises(ModelUnavailable):
            Reply(model, "hello")
        assert server.asked == ["GET /info"] * MAX_TRIES
        server.answers = {path.replace("__", "/"): answer for path, answer in OLLAMA.items()}
        assert Reply(model, "hello").text == "by chat"


def test_a_server_that_is_silent_is_left_after_a_while(monkeypatch, caplog):
    monkeypatch.setattr("tasks.models.discovered_model.ANSWER_TIMEOUT", 0.1)

    def silence(client: socket.socket) -> None:
        client.recv(1)

    with raw_server(silence) as server:
        at(server.url).start()
        assert len(server.requests) == 1
    assert "no answer within" in caplog.text


def test_the_second_model_may_have_a_base_address_too(client, caplog):
    with serving(**OLLAMA) as server:
        env = {"MODEL_URL": f"http://127.0.0.1:{free_port()}/v1/completions"}
        env["MODEL_FALLBACK_URL"] = server.url
        model, (discovered,) = models_for(load_settings(env), client)
        discovered.start()
        assert Reply(model, "hello").text == "by chat"
    assert f"MODEL_FALLBACK_URL: {server.url}/v1/chat/completions" in caplog.text


def test_the_key_and_the_headers_are_sent_with_the_questions_and_not_logged(caplog):
    with raw_server(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n") as server:
        env = {"HUGGINGFACE_INFERENCE_TOKEN": "hush-1", "MODEL_HEADERS": '{"api-key": "hush-2"}'}
        at(f"{server.url}/v1?key=hush-3", **env).start()
        assert b"Bearer hush-1" in server.requests[0]
        assert b"hush-2" in server.requests[0]
        assert b"GET /v1/models?key=hush-3" in server.requests[0]
    assert "hush" not in caplog.text
