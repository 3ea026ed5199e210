"""The part of a conversation that is sent to the model, as one prompt or as chat messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from chat.session_schema import BOT, HUMAN

# English has about four bytes in a token, most other languages fewer. The estimate errs towards a
# prompt that is too short, since a server refuses one that is too long.
BYTES_PER_TOKEN = 3
# The most bytes that a message's tag and the spaces around it take.
_TAG_BYTES = 8

# Tags inside a message's text. The model would attribute the text after a tag to the other side.
_TAG_IN_TEXT = re.compile(r"\b(Human|Bot):")


class PromptMessage(NamedTuple):
    """A message for the model, without its tag."""

    source: Literal["human", "bot"]
    text: str


def prompt_messages(
    claimed_messages: Sequence[dict[str, Any]], history_window: int
) -> list[PromptMessage]:
    """Return the last ``history_window`` messages of a claim.

    ``claimed_messages`` are as stored and end with the message to answer. A message whose reply has
    no text is left out together with that reply, so a claim needs more messages than the result.
    """
    messages: list[PromptMessage] = []
    for stored in claimed_messages:
        if "reply_to" not in stored:
            messages.append(PromptMessage("human", stored["msg"].removeprefix(HUMAN)))
        elif text := stored["msg"].removeprefix(BOT):
            messages.append(PromptMessage("bot", text))
        elif messages:
            messages.pop()
    return messages[-history_window:]


def trim_messages(messages: Sequence[PromptMessage], max_tokens: int) -> list[PromptMessage]:
    """Return the latest messages that fit into ``max_tokens``.

    The oldest messages are dropped first. If the last message alone is too long, its beginning is
    cut off.
    """
    bytes_left = max(max_tokens, 1) * BYTES_PER_TOKEN
    fitting: list[PromptMessage] = []
    for message in reversed(messages):
        cost = len(message.text.encode()) + _TAG_BYTES
        if cost > bytes_left:
            if not fitting:
                end = message.text.encode()[-max(bytes_left - _TAG_BYTES, 1) :]
                fitting.append(PromptMessage(message.source, end.decode(errors="ignore")))
            break
        bytes_left -= cost
        fitting.append(message)
    return fitting[::-1]


def end_of(text: str, max_tokens: int) -> str:
    """Return the end of a text that fits into ``max_tokens``."""
    encoded = text.encode()
    return encoded[max(0, len(encoded) - max_tokens * BYTES_PER_TOKEN) :].decode(errors="ignore")


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def completion_prompt(
    messages: Sequence[PromptMessage], partial_text: str = "", system_prompt: str | None = None
) -> str:
    """Return the prompt for a model that completes text.

    The prompt ends with ``partial_text``, the text of the reply so far.
    """
    parts = [system_prompt] if system_prompt else []
    for source, text in messages:
        parts.append((HUMAN if source == "human" else BOT) + _TAG_IN_TEXT.sub(r"\1 :", text))
    parts.append(BOT + partial_text if partial_text else BOT.rstrip())
    return " ".join(parts)


def chat_messages(
    messages: Sequence[PromptMessage], partial_text: str = "", system_prompt: str | None = None
) -> list[dict[str, str]]:
    """Return the messages for a chat model, each with its role.

    After the system prompt comes a user's message, since strict chat templates refuse any other
    beginning. ``partial_text``, the text of the reply so far, is the last message.
    """
    first_human = next((n for n, m in enumerate(messages) if m.source == "human"), len(messages))
    chat = [{"role": "system", "content": system_prompt}] if system_prompt else []
    for source, text in messages[first_human:]:
        chat.append({"role": "user" if source == "human" else "assistant", "content": text})
    if partial_text:
        chat.append({"role": "assistant", "content": partial_text})
    return chat
