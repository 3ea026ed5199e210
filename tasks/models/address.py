"""The address of a model: a URL whose path selects the protocol."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

Protocol = Literal["chat", "completions", "hugging_face"]

NAMES: dict[Protocol, str] = {
    "chat": "OpenAI's chat completions",
    "completions": "OpenAI's completions",
    "hugging_face": "Hugging Face's text generation",
}
_ENDINGS: dict[str, Protocol] = {"/chat/completions": "chat", "/completions": "completions"}
# The paths of TGI, SageMaker and Hugging Face's inference service.
_HUGGING_FACE = re.compile(r"/(generate|generate_stream|invocations|models/[^/]+/[^/]+)$")
# Paths of other protocols of servers that have one of OpenAI's as well: Ollama, KoboldCpp, OpenAI,
# Anthropic. People copy them from documentation. What remains is the base.
_OTHER_PROTOCOL = re.compile(
    r"(/api/(chat|generate|tags)|/api/v1/generate|/api/extra/generate/stream|"
    r"(?<=/v1)/(models|chat|responses|messages))$",
    re.IGNORECASE,
)


class Address(NamedTuple):
    """Where a model is asked, and how."""

    url: str
    protocol: Protocol


def address_of(url: str) -> Address | None:
    """Return the address that a URL names, None if it is only the base of one."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    for ending, protocol in _ENDINGS.items():
        if path.lower().endswith(ending):
            return Address(with_path(parts, path), protocol)
    is_hugging_face = _HUGGING_FACE.search(path) and not _OTHER_PROTOCOL.search(path)
    return Address(url, "hugging_face") if is_hugging_face else None


def base_of(url: str) -> SplitResult:
    """Return the base of a URL that is no address: it may be one of another protocol."""
    parts = urlsplit(url)
    if parts.hostname == "generativelanguage.googleapis.com" and "/openai" not in parts.path:
        return parts._replace(path="/v1beta/openai")
    path = _OTHER_PROTOCOL.sub("", parts.path.rstrip("/"))
    return parts._replace(path=path)


def with_path(parts: SplitResult, path: str) -> str:
    """Return a URL with another path, and the same query: it may hold a version or a key."""
    return parts._replace(path=path, fragment="").geturl()
