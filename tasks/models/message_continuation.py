"""Whether a chat server continues the last message, as ``continue_final_message`` tells it to.

A server that does not know this parameter ignores it and begins another message. Nothing in its
answer says so, but its list of models says which server it is.
"""

from __future__ import annotations

import requests

from tasks.models.credentials import Credentials

# What vLLM and SGLang give as the owner of each model. Both know the parameter:
# https://github.com/vllm-project/vllm/pull/8942, https://docs.sglang.ai
_OWNERS = ("vllm", "sglang")
_TIMEOUT = 3.0  # seconds
_CHAT_PATH = "/chat/completions"


class MessageContinuation:
    """Knows one server, after it was asked once. Any thread may call it."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        """``url`` is that of the chat completions."""
        self._url = url
        self._credentials = credentials
        self._supported: bool | None = None  # None: not known

    def is_supported(self) -> bool:
        """Whether the server continues the last message. False if it cannot be asked now."""
        if self._supported is None:
            self._supported = self._ask()
        return bool(self._supported)

    def _ask(self) -> bool | None:
        base, path, query = self._url.partition(_CHAT_PATH)
        if not path:
            return False
        try:
            response = requests.get(
                f"{base}/models{query}",
                auth=self._credentials,
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
            return any(model["owned_by"] in _OWNERS for model in response.json()["data"])
        except requests.JSONDecodeError:
            return False
        except requests.RequestException:
            return None
        except (LookupError, TypeError, RecursionError):
            return False
