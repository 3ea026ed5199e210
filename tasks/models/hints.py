"""Hints for an operator whose model does not answer."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests

from chat.errors import ModelError, ModelTimeout
from chat.settings import Settings
from tasks.models.address import address_of
from tasks.models.address_discovery import model_names
from tasks.models.credentials import Credentials
from tasks.models.failures import PromptTooLong

OPENAI_PATHS = ("/v1/completions", "/v1/chat/completions")
_OF_FALLBACK = {
    "MODEL_URL": "MODEL_FALLBACK_URL",
    "MODEL_NAME": "MODEL_FALLBACK_NAME",
    "HUGGINGFACE_INFERENCE_TOKEN": "MODEL_FALLBACK_TOKEN",
    "MODEL_HEADERS": "MODEL_FALLBACK_HEADERS",
}
_MODEL_LIST_TIMEOUT = 5  # seconds


def hint(settings: Settings, error: ModelError, variable: str) -> str:
    """Return a sentence that says what to change, empty if ``error`` explains itself.

    ``variable`` has the model's address, which is ``model_url`` of ``settings``. May ask the server
    which models it has.
    """
    text = _hint(settings, error)
    if variable != "MODEL_URL":
        for name, other in _OF_FALLBACK.items():
            text = re.sub(rf"\b{name}\b", other, text)
    return text


def _hint(settings: Settings, error: ModelError) -> str:
    cause = str(error)
    url, token = settings.model_url or "", settings.model_token
    status_in_cause = re.match(r"HTTP (\d+)", cause)
    status = int(status_in_cause[1]) if status_in_cause else 0
    address = address_of(url)
    is_openai = address is not None and address.protocol != "hugging_face"
    if status in (401, 403):
        return (
            "Put a key that may use this model into HUGGINGFACE_INFERENCE_TOKEN."
            if token
            else "The server wants a key: put it into HUGGINGFACE_INFERENCE_TOKEN."
        )
    if status == 410:
        return "That service was switched off: put another address into MODEL_URL."
    if 300 <= status < 400:
        return "The model is at another address: put that one into MODEL_URL."
    if status == 429:
        return "The server is busy, or your quota is used up: try again later."
    if status >= 500 and address and address.protocol == "chat":
        return (
            "See the server's log. A model that has no chat template, such as GPT-J, needs a"
            f" MODEL_URL that ends in {OPENAI_PATHS[0]}."
        )
    if status >= 500:
        return "See the server's log."
    if isinstance(error, PromptTooLong):
        return "Set MODEL_CONTEXT to the number of tokens that the model takes."
    if status or "not JSON" in cause or "not of the protocol" in cause:
        served = _served_models(settings)
        if served and is_openai and settings.model_name not in served:
            return (
                f"The server does not have {settings.model_name}:"
                f" set MODEL_NAME to {' or '.join(served[:5])}."
            )
        if served is not None and not is_openai:
            return f"MODEL_URL has to end in {' or '.join(OPENAI_PATHS)} there."
        if status not in (400, 422):
            return "The path of MODEL_URL is wrong, or no model's server is there."
    if cause.startswith(("Connect", "SSLError", "ProxyError")):
        return "Nothing answers there: does the server run, and is MODEL_URL right?"
    if isinstance(error, ModelTimeout):
        return "The model is slow, or is being loaded: raise MODEL_TIMEOUT, or wait."
    return ""


def _served_models(settings: Settings) -> list[str] | None:
    """Return the names of a server's models, None if it does not speak OpenAI's protocols."""
    parts = urlsplit(settings.model_url or "")
    path = re.sub(r"(/chat)?/completions/*$", "", parts.path)
    base = parts._replace(path=f"{path if path != parts.path else '/v1'}/models").geturl()
    try:
        response = requests.get(
            base,
            auth=Credentials(
                settings.model_token, settings.model_headers, settings.model_url or ""
            ),
            timeout=_MODEL_LIST_TIMEOUT,
            allow_redirects=False,
        )
        return model_names(response.json()) if response.ok else None
    except (requests.RequestException, ValueError):
        return None
