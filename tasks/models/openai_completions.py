"""OpenAI completions: vLLM, SGLang, `transformers serve`, llama.cpp. GPT-J is served like this.

https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.settings import Settings
from tasks.models.reply_text import STOP_SEQUENCE
from tasks.models.response import Response
from tasks.prompt import PromptMessage, completion_prompt


class OpenAICompletions:
    """Completes a prompt, so every server can continue a partial reply."""

    stop_sequence = STOP_SEQUENCE

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def can_continue(self, response: Response | None) -> bool:
        return True

    def request_body(
        self, messages: Sequence[PromptMessage], partial_text: str, max_prompt_tokens: int
    ) -> dict[str, Any]:
        prompt = completion_prompt(messages, partial_text, self._settings.system_prompt)
        return {"prompt": prompt, "stop": [STOP_SEQUENCE], **common_parameters(self._settings)}


def common_parameters(settings: Settings) -> dict[str, Any]:
    """Return the request parameters that both OpenAI protocols have."""
    parameters = {
        "model": settings.model_name,
        "max_tokens": settings.max_new_tokens,
        "stream": True,
        "temperature": settings.model_temperature,
        "top_p": settings.model_top_p,
    }
    return {name: value for name, value in parameters.items() if value is not None}
