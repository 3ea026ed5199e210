"""Hints for an operator whose model does not answer."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests

from chat.errors import ModelError, ModelTimeout
from chat.settings import Settings
from tasks.models.failures import PromptTooLong
from tasks.models.http import Bearer

OPENAI_PATHS = ("/v1/completions", "/v1/chat/completions")
_MODEL_LIST_TIMEOUT = 5  # seconds


def hint(settings: Settings, error: ModelError) -> str:
    """Return a sentence that says what to change, empty if ``error`` explains itself.

    May ask the server which models it has.
    """
    cause = str(error)
    url, token = settings.model_url or "", settings.model_token
    status_in_cause = re.match(r"HTTP (\d+)", cause)
    status = int(status_in_cause[1]) if status_in_cause else 0
    path = urlsplit(url).path.rstrip("/")
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
    if status >= 500 and path.endswith(OPENAI_PATHS[1]):
        return (
            "See the server's log. A model that has no chat template, such as GPT-J, needs a"
            f" MODEL_URL that ends in {OPENAI_PATHS[0]}."
        )
    if status >= 500:
        return "See the server's log."
    if isinstance(error, PromptTooLong):
        return "Set MODEL_CONTEXT to the number of tokens that the model takes."
    if status or "not JSON" in cause or "not of the protocol" in cause:
        served = _served_models(url, token)
        if served and path.endswith(OPENAI_PATHS) and settings.model_name not in served:
            return (
                f"The server does not have {settings.model_name}:"
                f" set MODEL_NAME to {' or '.join(served[:5])}."
            )
        if served is not None and not path.endswith(OPENAI_PATHS):
            return f"MODEL_URL has to end in {' or '.join(OPENAI_PATHS)} there."
        if status not in (400, 422):
            return "The path of MODEL_URL is wrong, or no model's server is there."
    if cause.startswith(("Connect", "SSLError", "ProxyError")):
        return "Nothing answers there: does the server run, and is MODEL_URL right?"
    if isinstance(error, ModelTimeout):
        return "The model is slow, or is being loaded: raise MODEL_TIMEOUT, or wait."
    return ""


def _served_models(url: str, token: str | None) -> list[str] | None:
    """Return the names of a server's models, None if it does not speak OpenAI's protocols."""
    base, v1, _ = url.partition("/v1/")
    if not v1:
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
    try:
        response = requests.get(
            f"{base}/v1/models",
            auth=Bearer(token),
            timeout=_MODEL_LIST_TIMEOUT,
            allow_redirects=False,
        )
        return [str(model["id"]) for model in response.json()["data"]]
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return None
