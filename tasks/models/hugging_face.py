"""The Hugging Face text-generation protocol: TGI and dedicated endpoints.

https://huggingface.github.io/text-generation-inference/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.settings import Settings
from tasks.models.failures import NotReady, PromptTooLong
from tasks.models.http import Response
from tasks.models.reply_text import STOP
from tasks.prompt import Line, completion, size


class HuggingFace:
    """Completes a prompt; continues any text."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def can_continue(self, response: Response | None) -> bool:
        return True

    def body(self, lines: Sequence[Line], said: str, room: int) -> dict[str, Any]:
        settings = self._settings
        parameters = {
            "max_new_tokens": settings.max_new_tokens,
            "return_full_text": False,
            "stop": [STOP],
            "truncate": room + size(settings.system_prompt or ""),
            # A temperature of 0 is refused: greedy is what comes without one.
            "temperature": settings.model_temperature or None,
            "top_p": settings.model_top_p,
        }
        return {
            "inputs": completion(lines, said, settings.system_prompt),
            "parameters": {name: value for name, value in parameters.items() if value is not None},
            "stream": True,
            "options": {"use_cache": settings.model_use_cache},
        }

    def piece(self, event: Any) -> tuple[str, bool]:
        """Return an event's text, and whether it is the last."""
        if "error" in event:
            cause = f"in mid-stream: {event.get('error_type')}: {str(event['error'])[:200]}"
            if event.get("error_type") == "validation":
                raise PromptTooLong(cause)
            raise NotReady(cause, busy=event.get("error_type") == "overloaded")
        token = event["token"]
        text = "" if token.get("special") else token["text"]
        return text, event.get("generated_text") is not None

    def whole(self, body: Any) -> str:
        """Return the text of an answer in one body: a list of one object, or the bare object."""
        answer = body[0] if isinstance(body, list) else body
        return answer["generated_text"] or ""
