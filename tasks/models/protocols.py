"""Makes the model for an address."""

from __future__ import annotations

from chat.settings import Settings
from tasks.models.adapter import Adapter
from tasks.models.address import Address
from tasks.models.hugging_face import HuggingFace
from tasks.models.model import Model
from tasks.models.openai_chat import OpenAIChat
from tasks.models.openai_completions import OpenAICompletions


def model_at(address: Address, settings: Settings) -> Model:
    """Return the model at ``address``. No request is sent yet."""
    adapter: Adapter
    match address.protocol:
        case "chat":
            adapter = OpenAIChat(settings)
        case "completions":
            adapter = OpenAICompletions(settings)
        case "hugging_face":
            adapter = HuggingFace(settings)
    return Model(adapter, address.url, settings)
