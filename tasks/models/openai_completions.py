"""OpenAI completions: vLLM, SGLang, `transformers serve`, llama.cpp. GPT-J is served like this.

https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.settings import Settings
from tasks.models.failures import PromptTooLong, TransientError, shortened
from tasks.models.http import Response
from tasks.models.reply_text import STOP_SEQUENCE
from tasks.prompt import PromptMessage, completion_prompt

# Words in the error message of `transformers serve` 5.24 for a prompt that, alone or together with
# the reply, is longer than the context. The error has no code.
_CONTEXT_EXCEEDED = ("out of bounds", "out of range")


class OpenAICompletions:
    """Completes a prompt, so every server can continue a partial reply."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def can_continue(self, response: Response | None) -> bool:
        return True

    def request_body(
        self, messages: Sequence[PromptMessage], partial_text: str, max_prompt_tokens: int
    ) -> dict[str, Any]:
        prompt = completion_prompt(messages, partial_text, self._settings.system_prompt)
        return {"prompt": prompt, **common_parameters(self._settings)}

    def event_text(self, event: Any) -> tuple[str, bool]:
        """Return an event's text, and whether it is the last event."""
        choice = choice_of(event)
        return choice.get("text") or "", choice.get("finish_reason") is not None

    def body_text(self, body: Any) -> str:
        """Return the text of an answer that is not a stream."""
        return choice_of(body)["text"] or ""


def common_parameters(settings: Settings) -> dict[str, Any]:
    """Return the request parameters that both OpenAI protocols have."""
    parameters = {
        "model": settings.model_name,
        "max_tokens": settings.max_new_tokens,
        "stop": [STOP_SEQUENCE],
        "stream": True,
        "temperature": settings.model_temperature,
        "top_p": settings.model_top_p,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def choice_of(event: Any) -> dict[str, Any]:
    """Return the only choice of an event or body, empty if it has none.

    Events that report the usage, and some servers' pings, have no choice.

    Raises:
        TransientError, PromptTooLong: The event is an error.
    """
    error = event if event.get("object") == "error" else event.get("error")
    if error:
        message = shortened(error.get("message") if isinstance(error, dict) else error)
        exceeded = any(words in message for words in _CONTEXT_EXCEEDED)
        failure = PromptTooLong if exceeded else TransientError
        raise failure(f"in mid-stream: {message}")
    choices: list[dict[str, Any]] = event.get("choices")
    return choices[0] if choices else {}
