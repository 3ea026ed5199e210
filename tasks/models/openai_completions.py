"""OpenAI completions: vLLM, SGLang, `transformers serve`, llama.cpp; this is what serves GPT-J.

https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.settings import Settings
from tasks.models.failures import NotReady, PromptTooLong
from tasks.models.http import Response
from tasks.models.reply_text import STOP
from tasks.prompt import Line, completion


class OpenAICompletions:
    """Completes a prompt; continues any text."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def can_continue(self, response: Response | None) -> bool:
        return True

    def body(self, lines: Sequence[Line], said: str, room: int) -> dict[str, Any]:
        prompt = completion(lines, said, self._settings.system_prompt)
        return {"prompt": prompt, **options(self._settings)}

    def piece(self, event: Any) -> tuple[str, bool]:
        """Return an event's text, and whether it is the last."""
        choice = choice_of(event)
        return choice.get("text") or "", choice.get("finish_reason") is not None

    def whole(self, body: Any) -> str:
        """Return the text of an answer in one body."""
        return choice_of(body)["text"] or ""


def options(settings: Settings) -> dict[str, Any]:
    """Return what both OpenAI protocols are asked for beside their prompt."""
    asked = {
        "model": settings.model_name,
        "max_tokens": settings.max_new_tokens,
        "stop": [STOP],
        "stream": True,
        "temperature": settings.model_temperature,
        "top_p": settings.model_top_p,
    }
    return {name: value for name, value in asked.items() if value is not None}


def choice_of(event: Any) -> dict[str, Any]:
    """Return the one choice that was asked for; some events, of usage or as a ping, have none.

    Raises:
        NotReady, PromptTooLong: It is an error in mid-stream.
    """
    error = event if event.get("object") == "error" else event.get("error")
    if error:
        said = str(error.get("message") if isinstance(error, dict) else error)[:200]
        # How transformers says that a prompt, or with it the reply, has outgrown the context.
        kind = PromptTooLong if "out of bounds" in said or "out of range" in said else NotReady
        raise kind(f"in mid-stream: {said}")
    choices: list[dict[str, Any]] = event.get("choices")
    return choices[0] if choices else {}
