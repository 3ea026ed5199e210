"""The stand-in speaks the protocols that Hugging Face's and OpenAI's own clients expect."""

from __future__ import annotations

import httpx2
import openai
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

PROMPT = "Human: [[words=5]] hi Bot:"
WHOLE = "echo: hi w0 w1 w2 w3 w4"


@pytest.fixture
def hub(standin):
    return InferenceClient(base_url=standin.url, timeout=20)


def test_the_whole_text(hub):
    assert hub.text_generation(PROMPT, max_new_tokens=50).strip() == WHOLE


def test_the_whole_text_with_details(hub):
    answer = hub.text_generation(PROMPT, details=True)
    assert answer.generated_text.strip() == WHOLE
    assert answer.details.finish_reason == "eos_token"


def test_a_stream_of_text(hub):
    # Like TGI, the stand-in sends special tokens, and the client passes them on.
    assert "".join(hub.text_generation(PROMPT, stream=True)).strip() == f"{WHOLE}</s>"


def test_a_stream_with_details(hub):
    *tokens, last = hub.text_generation(PROMPT, stream=True, details=True)
    assert "".join(token.token.text for token in tokens).strip() == WHOLE
    assert last.token.special
    assert last.generated_text == WHOLE
    assert last.details.finish_reason == "eos_token"


def test_an_error(hub):
    with pytest.raises(HfHubHTTPError) as error:
        hub.text_generation("Human: [[status=422]] hi Bot:")
    assert error.value.response.status_code == 422


MESSAGES = [{"role": "user", "content": "[[words=5]] hi"}]


@pytest.fixture
def strict(standin):
    """OpenAI's client, which here raises if an answer lacks a field or has a wrong type."""
    return openai_client(standin, _strict_response_validation=True)


def openai_client(standin, **options) -> openai.OpenAI:
    url = f"{standin.url}/v1"
    return openai.OpenAI(base_url=url, api_key="key", max_retries=0, timeout=20, **options)


def test_openais_list_of_models(strict):
    assert [model.id for model in strict.models.list()] == ["standin"]


def test_openais_whole_chat_completion(strict):
    answer = strict.chat.completions.create(model="any", messages=MESSAGES)
    assert answer.choices[0].message.content.strip() == WHOLE
    assert answer.choices[0].finish_reason == "stop"


def test_openais_stream_of_a_chat_completion(strict):
    *chunks, last = strict.chat.completions.create(model="any", messages=MESSAGES, stream=True)
    assert "".join(chunk.choices[0].delta.content for chunk in chunks).strip() == WHOLE
    assert last.choices[0].finish_reason == "stop"


def test_openais_whole_completion(strict):
    answer = strict.completions.create(model="any", prompt=PROMPT)
    assert answer.choices[0].text.strip() == WHOLE
    assert answer.choices[0].finish_reason == "stop"


def test_openais_stream_of_a_completion(standin):
    # Not strict: its types have a finish reason in each chunk, and its own servers do not.
    client = openai_client(standin)
    *chunks, last = client.completions.create(model="any", prompt=PROMPT, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks).strip() == WHOLE
    assert last.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_openais_errors(strict, status, kind):
    messages = [{"role": "user", "content": f"[[status={status}]] hi"}]
    with pytest.raises(kind):
        strict.chat.completions.create(model="any", messages=messages)


def test_openais_error_about_a_parameter(strict):
    messages = [{"role": "user", "content": "[[refuses=stop]] hi"}]
    with pytest.raises(openai.BadRequestError) as error:
        strict.chat.completions.create(model="any", messages=messages, stop=["x"])
    assert (error.value.param, error.value.code) == ("stop", "unsupported_parameter")


@pytest.mark.parametrize("fault", ["error:2", "cut:2"])
def test_openais_broken_streams(strict, fault):
    messages = [{"role": "user", "content": f"[[words=5 fault={fault}]] hi"}]
    with pytest.raises((openai.APIError, openai.APIConnectionError, httpx2.TransportError)):
        list(strict.chat.completions.create(model="any", messages=messages, stream=True))
