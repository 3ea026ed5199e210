"""Which address a URL names, and what a server's answers say about its base."""

from __future__ import annotations

from typing import Any

import pytest

from chat.settings import DEFAULT_MODEL_NAME
from tasks.models.address import Address, address_of
from tasks.models.address_discovery import Discovery, discover
from tasks.models.failures import TransientError

CHAT, COMPLETIONS, HUGGING_FACE = "chat", "completions", "hugging_face"
AZURE = "https://x.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h/v1/completions", COMPLETIONS),
        ("http://h/prefix/v1/completions", COMPLETIONS),
        ("http://h/completions?key=1", COMPLETIONS),
        ("https://h/v1/chat/completions?key=1", CHAT),
        ("https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", CHAT),
        ("https://api.deepseek.com/chat/completions", CHAT),
        (AZURE, CHAT),
        ("http://h/generate", HUGGING_FACE),
        ("http://h/generate_stream", HUGGING_FACE),
        ("https://h/models/EleutherAI/gpt-j-6b", HUGGING_FACE),
        ("http://h", None),
        ("http://h/", None),
        ("http://h/v1", None),
        ("http://h/v1/", None),
        ("http://h/my-completions", None),
        # Their paths are case-sensitive, but ours need not be.
        ("http://h/V1/Chat/Completions", CHAT),
        ("https://user:password@h:8443/v1/chat/completions", CHAT),
        ("http://[::1]:8080/v1/chat/completions", CHAT),
        ("https://h/ollama/v1/chat/completions", CHAT),
        ("https://router.huggingface.co/hf-inference/models/a/b/v1/chat/completions", CHAT),
        ("https://h/openai/engines/gpt-j/completions", COMPLETIONS),
        ("https://h/endpoints/gpt-j/invocations", HUGGING_FACE),
        # The protocols of others, which have one of OpenAI's, too.
        ("http://h/api/chat", None),
        ("http://h/api/generate", None),
        ("http://h/ollama/api/generate/", None),
        ("http://h/api/v1/generate", None),
        ("http://h/v1/responses", None),
        ("http://h/v1/messages", None),
    ],
)
def test_the_path_selects_the_protocol(url, address):
    assert address_of(url) == (address and Address(url, address))


def test_a_slash_at_the_end_is_left_out_and_the_query_is_kept():
    found = address_of("http://h/v1/chat/completions/?key=1")
    assert found == Address("http://h/v1/chat/completions?key=1", CHAT)


def models(*names: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name} for name in names]}


class Server:
    """Answers GET requests: paths with a status, or with JSON and 200. All others have 404."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("__", "/"): answer for name, answer in answers.items()}
        self.asked: list[str] = []

    def get(self, url: str) -> tuple[int, Any]:
        path = url.removeprefix("http://h")
        self.asked.append(path)
        answer = self.answers.get(path.partition("?")[0], self.answers.get("*", 404))
        return (answer, {"error": "no"}) if isinstance(answer, int) else (200, answer)

    def discover(self, path: str, name: str = "mine") -> Discovery:
        return discover(f"http://h{path}", name, self.get)


OLLAMA = Server(__v1__models=models("llama3.2:latest", "gemma"))


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/v1", "/v1/", "/api", "/api/", "/api/chat", "/api/generate", "/api/tags"),
        *("/api/v1/generate", "/v1/models", "/v1/chat", "/v1/responses", "/v1/messages"),
    ],
)
def test_a_base_with_a_list_of_models_is_openais_chat(path):
    found = OLLAMA.discover(path, "gemma")
    assert found.address == Address("http://h/v1/chat/completions", CHAT)
    assert found.certain
    assert found.model_name == "gemma"


@pytest.mark.parametrize(
    ("path", "where", "asked"),
    [
        ("/v1beta/openai", "/v1beta/openai", "__v1beta__openai__models"),
        ("/openai/v1/", "/openai/v1", "__openai__v1__models"),
        ("/llm", "/llm/v1", "__llm__v1__models"),
        ("/llm", "/llm", "__llm__models"),
    ],
)
def test_a_base_may_have_a_path(path, where, asked):
    found = Server(**{asked: models("a")}).discover(path)
    assert found.address == Address(f"http://h{where}/chat/completions", CHAT)


@pytest.mark.parametrize("base", ["/api/v1", "/api"])
def test_an_api_may_be_a_part_of_the_base(base):
    """OpenRouter and Open WebUI."""
    found = Server(**{f"{base}/models".replace("/", "__"): models("a")}).discover("/api")
    assert found.address == Address(f"http://h{base}/chat/completions", CHAT)


def test_the_base_of_a_deployment_is_that_of_openais_protocols():
    """Azure lists no models there: https://learn.microsoft.com/azure/ai-services/openai/reference"""
    found = Server().discover("/openai/deployments/gpt?api-version=2024-10-21")
    url = "http://h/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
    assert found.address == Address(url, CHAT)


@pytest.mark.parametrize(
    "path", ["", "/v1beta", "/v1beta/models/gemini-2.5-pro:streamGenerateContent", "/v1beta/openai"]
)
def test_geminis_own_addresses_lead_to_the_one_that_it_shares_with_openai(path):
    host = "https://generativelanguage.googleapis.com"
    found = discover(f"{host}{path}", "gemini-2.5-pro", lambda _: (404, None))
    assert found.address == Address(f"{host}/v1beta/openai/chat/completions", CHAT)


def test_the_query_of_a_base_is_kept():
    server = Server(__v1__models=models("a"))
    assert server.discover("/v1?key=1").address.url == "http://h/v1/chat/completions?key=1"
    assert server.asked == ["/v1/models?key=1"]


@pytest.mark.parametrize(
    "name", ["EleutherAI/gpt-j-6b", "tiny-gpt-j", "GPTJ", "gpt2", "EleutherAI/gpt-neo-2.7B"]
)
def test_a_gpt_j_completes_text(name):
    found = Server(__v1__models=models(name)).discover("", name)
    assert found.address == Address("http://h/v1/completions", COMPLETIONS)


def test_without_a_configured_name_the_only_model_is_asked_for():
    """llama.cpp, whose model has any name."""
    found = Server(__v1__models=models("SmolLM2")).discover("", DEFAULT_MODEL_NAME)
    assert (found.model_name, found.address.protocol) == ("SmolLM2", CHAT)
    found = Server(__v1__models=models("a", "b")).discover("", DEFAULT_MODEL_NAME)
    assert found.model_name == DEFAULT_MODEL_NAME
    assert found.served == ["a", "b"]
    found = Server(__v1__models=models("a")).discover("", "mine")
    assert found.model_name == "mine"


def test_tgi_keeps_hugging_faces_protocol_though_it_has_a_list_of_models():
    info = {"model_id": "EleutherAI/gpt-j-6b", "max_total_tokens": 2048}
    server = Server(__info=info, __v1__models=models("tgi"))
    assert server.discover("/").address == Address("http://h/", HUGGING_FACE)
    assert server.discover("/v1").address.protocol == CHAT  # its address says so


@pytest.mark.parametrize("status", [400, 404, 405, 500, 501])
def test_a_server_that_answers_nothing_of_that_is_taken_for_hugging_faces(status):
    found = Server(**{"*": status}).discover("/models")
    assert found.address == Address("http://h/models", HUGGING_FACE)
    assert not found.certain


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_base_with_a_version_is_openais_though_it_does_not_list_its_models(status):
    found = Server(**{"*": status}).discover("/v1")
    assert found.address == Address("http://h/v1/chat/completions", CHAT)
    assert not found.certain


def test_a_list_that_wants_a_key_is_a_sign_of_openais_protocols():
    found = Server(__v1__models=401).discover("")
    assert found.address == Address("http://h/v1/chat/completions", CHAT)
    # But not if every path wants one, as those of a dedicated endpoint do.
    assert Server(**{"*": 401}).discover("").address == Address("http://h", HUGGING_FACE)


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
@pytest.mark.parametrize("path", ["", "/v1"])
def test_a_server_that_cannot_answer_now_is_not_judged(path, status):
    server = Server(**{"*": status})
    with pytest.raises(TransientError):
        server.discover(path)
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [None, 7, "a", {}, {"data": 7}, {"data": [{"id": 7}]}, [{}]])
def test_a_body_that_is_no_list_of_models_is_none(body):
    assert not Server(__v1__models=body).discover("").certain


def test_no_more_than_three_requests_are_sent():
    for path in ("/a", "/api"):
        server = Server()
        server.discover(path)
        assert len(server.asked) <= 3
