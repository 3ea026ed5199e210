"""The Hugging Face text-generation protocol: TGI and dedicated endpoints.

https://huggingface.github.io/text-generation-inference/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.settings import Settings
from tasks.models.failures import PromptTooLong, TransientError, shortened
from tasks.models.http import Response
from tasks.models.reply_text import STOP_SEQUENCE
from tasks.prompt import PromptMessage, completion_prompt, estimate_tokens


class HuggingFace:
    """Completes a prompt, so every server can continue a partial reply."""

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

    def event_text(self, event: Any) -> tuple[str, bool]:
        """Return an event's text, and whether it is the last event."""
        if "error" in event:
            cause = f"in mid-stream: {event.get('error_type')}: {shortened(event['error'])}"
            if event.get("error_type") == "validation":
                raise PromptTooLong(cause)
            raise TransientError(cause, busy=event.get("error_type") == "overloaded")
        token = event["token"]
        text = "" if token.get("special") else token["text"]
        return text, event.get("generated_text") is not None

    def body_text(self, body: Any) -> str:
        """Return the text of an answer that is an object, or a list of one object."""
        answer = body[0] if isinstance(body, list) else body
        return answer["generated_text"] or ""
