"""URLs of models as people write them, on real sockets."""

from __future__ import annotations

import base64
import logging
import socket
import threading

import pytest

from chat.errors import ModelRefused
from chat.settings import load_settings
from tasks.models import models_for
from tasks.models.http import loggable_url
from tests.tasks.models.conftest import PATHS, Reply
from tests.tasks.models.raw_server import _request, http, raw_server

ANSWER = http({"choices": [{"text": "Hi", "finish_reason": "stop"}]})


def ask(url: str, **env: str) -> str:
    return Reply(models_for(load_settings({"MODEL_URL": url, **env}), None)[0], "hello").text


def authorization(request: bytes) -> list[str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return [line.partition(": ")[2] for line in lines if line.lower().startswith("authorization:")]


@pytest.mark.parametrize("env", [{}, {"HUGGINGFACE_INFERENCE_TOKEN": "a-token"}])
def test_a_user_and_a_password_are_sent_and_not_logged(env, caplog):
    unauthorized = http({"error": "wrong password: geh:eim!"}, "401 Unauthorized")
    with raw_server(ANSWER, unauthorized) as server:
        url = f"http://ada:geh%3Aeim%21@{server.address}{PATHS['completions']}"
        assert ask(url, **env) == "Hi"
        basic = base64.b64encode(b"ada:geh:eim!").decode()
        assert authorization(server.requests[0]) == [f"Basic {basic}"]
        with caplog.at_level(logging.DEBUG), pytest.raises(ModelRefused):
            ask(url, **env)
    assert f"http://{server.address}/v1/completions" in caplog.text
    assert "wrong password: ***" in caplog.text
    assert "geh" not in caplog.text


def test_an_authorization_of_the_headers_takes_their_place():
    with raw_server(ANSWER) as server:
        url = f"http://ada:secret@{server.address}{PATHS['completions']}"
        ask(url, MODEL_HEADERS='{"Authorization": "Bearer x"}')
        assert authorization(server.requests[0]) == ["Bearer x"]


def test_a_host_may_be_an_ipv6_address():
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            _request(client)
            client.sendall(ANSWER)

    with listener:
        threading.Thread(target=serve, daemon=True).start()
        url = f"http://[::1]:{listener.getsockname()[1]}/v1/completions"
        assert ask(url) == "Hi"
        assert loggable_url(url + "?key=1") == url


def test_a_redirect_is_not_followed_and_the_cause_says_where_it_leads():
    location = {"Location": "https://other.example/v1/completions?key=secret"}
    with raw_server(http(b"", "308 Permanent Redirect", **location)) as server:
        with pytest.raises(ModelRefused) as raised:
            ask(server.url + PATHS["completions"])
        assert len(server.requests) == 1
    assert "HTTP 308" in str(raised.value)
    assert "https://other.example/v1/completions" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_the_native_path_of_ollama_leads_to_its_chat_completions():
    models = http({"object": "list", "data": [{"id": "llama3.2", "owned_by": "library"}]})
    chat = http({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]})
    no_info = http({"error": "404 page not found"}, "404 Not Found")
    with raw_server(no_info, models, chat) as server:
        assert ask(f"{server.url}/api/generate") == "Hi"
        assert [request.split()[1] for request in server.requests] == [
            b"/info",
            b"/v1/models",
            b"/v1/chat/completions",
        ]
