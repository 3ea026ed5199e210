"""OpenAI chat completions: the embedded model, Ollama, hosted services.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.settings import Settings
from tasks.models.openai_completions import common_parameters
from tasks.models.response import Response
from tasks.prompt import PromptMessage, chat_messages


class OpenAIChat:
    """Answers chat messages. llama.cpp continues a partial reply, other servers begin another."""

    stop_sequence = None  # a chat model's "Human:" is text, such as that of a dialogue

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def can_continue(self, response: Response | None) -> bool:
        return response is not None and response.server.startswith("llama.cpp")

    def request_body(
        self, messages: Sequence[PromptMessage], partial_text: str, max_prompt_tokens: int
    ) -> dict[str, Any]:
        chat = chat_messages(messages, partial_text, self._settings.system_prompt)
        body = {"messages": chat, **common_parameters(self._settings)}
        if partial_text:
            # vLLM, TGI and llama.cpp continue the last message with these. llama.cpp does so
            # without, too. https://github.com/vllm-project/vllm/pull/8942
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        return body
