"""The Hugging Face text-generation protocol: TGI and dedicated endpoints.

https://huggingface.github.io/text-generation-inference/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.settings import Settings
from tasks.models.reply_text import STOP_SEQUENCE
from tasks.models.response import Response
from tasks.prompt import PromptMessage, completion_prompt, estimate_tokens


class HuggingFace:
    """Completes a prompt, so every server can continue a partial reply."""

    stop_sequence = STOP_SEQUENCE

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def can_continue(self, response: Response | None) -> bool:
        return True

    def request_body(
        self, messages: Sequence[PromptMessage], partial_text: str, max_prompt_tokens: int
    ) -> dict[str, Any]:
        settings = self._settings
        parameters = {
            "max_new_tokens": settings.max_new_tokens,
            "return_full_text": False,
            "stop": [STOP_SEQUENCE],
            "truncate": max_prompt_tokens + estimate_tokens(settings.system_prompt or ""),
            # TGI refuses a temperature of 0. Without one it decodes greedily, which is the same.
            "temperature": settings.model_temperature or None,
            "top_p": settings.model_top_p,
        }
        return {
            "inputs": completion_prompt(messages, partial_text, settings.system_prompt),
            "parameters": {name: value for name, value in parameters.items() if value is not None},
            "stream": True,
            "options": {"use_cache": settings.model_use_cache},
        }
