"""OpenAI chat completions: the embedded model, Ollama, hosted services.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.settings import Settings
from tasks.models.http import Response
from tasks.models.openai_completions import choice_of, options
from tasks.prompt import Line, roles


class OpenAIChat:
    """Answers roles. llama.cpp continues a partial reply; other servers begin another one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def can_continue(self, response: Response | None) -> bool:
        return response is not None and response.server.startswith("llama.cpp")

    def body(self, lines: Sequence[Line], said: str, room: int) -> dict[str, Any]:
        messages = roles(lines, said, self._settings.system_prompt)
        return {"messages": messages, **options(self._settings)}

    def piece(self, event: Any) -> tuple[str, bool]:
        """Return an event's text, and whether it is the last."""
        choice = choice_of(event)
        text = (choice.get("delta") or {}).get("content") or ""
        return text, choice.get("finish_reason") is not None

    def whole(self, body: Any) -> str:
        """Return the text of an answer in one body."""
        return choice_of(body)["message"]["content"] or ""
