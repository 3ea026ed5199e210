"""Finds the address of a model behind a base URL, such as ``http://localhost:11434``, by asking.

A server is asked for what it serves, with GET requests that cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from chat.settings import DEFAULT_MODEL_NAME
from tasks.models.address import Address, Protocol, base_of, with_path
from tasks.models.failures import TransientError

# Models that only complete text: GPT-J and others that are older than chat templates.
_COMPLETES_TEXT = re.compile(r"gpt-?j|gpt-?neo|gpt-?2|pythia|\bopt-\d|\bbloom-?\d|distilgpt", re.I)
# A base whose path ends like this is one of OpenAI's protocols, whatever its server answers.
_OPENAI_BASE = re.compile(r"/(v\d\w*|openai|deployments/[^/]+)$", re.IGNORECASE)
# TGI has each of these in `/info`, beside the name of its model.
_TGI_FIELDS = {"max_total_tokens", "max_input_tokens", "max_input_length", "router"}

# The server or its proxy cannot answer at the moment. Simple servers answer 500 or 501 to any GET.
_NOT_NOW = {408, 425, 429, 502, 503, 504, 520, 521, 522, 523, 524, 529}

Get = Callable[[str], tuple[int, Any]]  # returns a status, and the parsed JSON or None


class Discovery(NamedTuple):
    """What a server has answered."""

    address: Address
    model_name: str
    served: list[str]  # the names of its models, empty if it tells none
    certain: bool  # False: the server was not recognised, and the address is a guess


def discover(url: str, model_name: str, get: Get) -> Discovery:
    """Ask the server at a base URL for its protocol, with three requests at most.

    Raises:
        TransientError: The server cannot answer at the moment. ``get`` may raise it, too.
    """
    parts = base_of(url)
    path = parts.path.rstrip("/")
    # The path of Ollama's own protocol, or a part of the base: OpenRouter, Open WebUI.
    is_api = path.endswith("/api")

    def ask(path: str) -> tuple[int, Any]:
        status, body = get(with_path(parts, path))
        if status in _NOT_NOW:
            raise TransientError(f"HTTP {status}: {path}")
        return status, body

    is_openai = bool(_OPENAI_BASE.search(path))
    info_status = 0
    if not is_openai and not is_api:
        info_status, info = ask(f"{path}/info")
        if info_status == 200 and _is_tgi(info):
            address = Address(url, "hugging_face")
            return Discovery(address, model_name, [str(info["model_id"])], certain=True)
    bases = [path] if is_openai else [f"{path}/v1", path]
    if is_api:
        bases.insert(0, f"{path.removesuffix('/api')}/v1")
    for base in bases:
        status, body = ask(f"{base}/models")
        served = model_names(body) if status == 200 else None
        # A server that wants a key for this path, but not for others, has this path.
        wants_key = status in (401, 403) and info_status != status
        if served is not None or wants_key or is_openai:
            name = _model_name(model_name, served or [])
            protocol: Protocol = "completions" if _COMPLETES_TEXT.search(name) else "chat"
            address = openai_address(with_path(parts, base), protocol)
            return Discovery(address, name, served or [], certain=served is not None)
    return Discovery(Address(url, "hugging_face"), model_name, [], certain=False)


def openai_address(base: str, protocol: Protocol) -> Address:
    """Return the address of one of OpenAI's protocols below a base URL such as ``https://h/v1``."""
    parts = urlsplit(base)
    tail = "/chat/completions" if protocol == "chat" else "/completions"
    return Address(with_path(parts, parts.path.rstrip("/") + tail), protocol)


def model_names(body: Any) -> list[str] | None:
    """Return the names in a list of models, None if ``body`` is no such list."""
    models = body.get("data") if isinstance(body, dict) else body
    if not isinstance(models, list):
        return None
    names = [model.get("id") for model in models if isinstance(model, dict)]
    texts = [name for name in names if isinstance(name, str)]
    return texts if len(texts) == len(models) else None


def _is_tgi(info: Any) -> bool:
    return isinstance(info, dict) and "model_id" in info and bool(_TGI_FIELDS & info.keys())


def _model_name(configured: str, served: list[str]) -> str:
    """Return the model to ask for: if none was configured, the only one that there is."""
    if configured == DEFAULT_MODEL_NAME and configured not in served and len(served) == 1:
        return served[0]
    return configured
