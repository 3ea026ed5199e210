"""OpenAI chat completions: the embedded model, Ollama, hosted services.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.settings import Settings
from tasks.models.http import Response
from tasks.models.openai_completions import choice_of, common_parameters
from tasks.prompt import PromptMessage, chat_messages


class OpenAIChat:
    """Answers chat messages. llama.cpp continues a partial reply, other servers begin another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def can_continue(self, response: Response | None) -> bool:
        return response is not None and response.server.startswith("llama.cpp")

    def request_body(
        self, messages: Sequence[PromptMessage], partial_text: str, max_prompt_tokens: int
    ) -> dict[str, Any]:
        chat = chat_messages(messages, partial_text, self._settings.system_prompt)
        return {"messages": chat, **common_parameters(self._settings)}

    def event_text(self, event: Any) -> tuple[str, bool]:
        """Return an event's text, and whether it is the last event."""
        choice = choice_of(event)
        text = (choice.get("delta") or {}).get("content") or ""
        return text, choice.get("finish_reason") is not None

    def body_text(self, body: Any) -> str:
        """Return the text of an answer that is not a stream."""
        return choice_of(body)["message"]["content"] or ""
