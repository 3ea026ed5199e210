"""The model: any server behind ``MODEL_URL``. The URL's path selects the protocol."""

from __future__ import annotations

from urllib.parse import urlsplit

from chat.settings import Settings, SettingsError
from tasks.models.adapter import Adapter
from tasks.models.call import Call, Cancelled
from tasks.models.hugging_face import HuggingFace
from tasks.models.model import Model
from tasks.models.openai_chat import OpenAIChat
from tasks.models.openai_completions import OpenAICompletions
from tasks.models.reply_items import Finished, Restart, Thinking
from tasks.models.retry_policy import RetryNotice

__all__ = [
    "Call",
    "Cancelled",
    "Finished",
    "Model",
    "Restart",
    "RetryNotice",
    "Thinking",
    "model_for",
]


def model_for(settings: Settings) -> Model:
    """Return the model at ``MODEL_URL``. No request is sent yet.

    Raises:
        SettingsError: ``MODEL_URL`` is not set.
    """
    if not settings.model_url:
        raise SettingsError(
            "MODEL_URL: is not set; put the address of a model's server there,"
            " such as http://HOST:8000/v1/completions"
        )
    path = urlsplit(settings.model_url).path.rstrip("/")
    adapter: Adapter
    if path.endswith("/v1/completions"):
        adapter = OpenAICompletions(settings)
    elif path.endswith("/v1/chat/completions"):
        adapter = OpenAIChat(settings)
    else:
        adapter = HuggingFace(settings)
    return Model(adapter, settings.model_url, settings)
