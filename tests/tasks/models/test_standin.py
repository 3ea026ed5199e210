"""The stand-in speaks the protocol that Hugging Face's own client expects."""

from __future__ import annotations

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
