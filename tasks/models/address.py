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


class Address(NamedTuple):
    """Where a model is asked, and how."""

    url: str
    protocol: Protocol


def address_of(url: str) -> Address | None:
    """Return the address that a URL names, None if it is only the base of one."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    for ending, protocol in _ENDINGS.items():
        if path.endswith(ending):
            return Address(parts._replace(path=path).geturl(), protocol)
    return Address(url, "hugging_face") if _HUGGING_FACE.search(path) else None


def with_path(parts: SplitResult, path: str) -> str:
    """Return a URL with another path, and the same query: it may hold a version or a key."""
    return parts._replace(path=path, fragment="").geturl()
