"""What the model is asked: the conversation's window, as a prompt or as roles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from chat.session_schema import BOT, HUMAN

# English has about four bytes a token, most other languages fewer; a prompt that is a little too
# short is better than one that is refused.
BYTES_PER_TOKEN = 3
# What the tags and the spaces of a line may add, in bytes.
_LINE_OVERHEAD = 8

# A person who writes these into a message would otherwise speak for the other side.
_SPEAKER = re.compile(r"\b(Human|Bot):")


class Line(NamedTuple):
    """What one side said, without its tag."""

    source: Literal["human", "bot"]
    text: str


def window(messages: Sequence[dict[str, Any]], size: int) -> list[Line]:
    """Return the last ``size`` of stored messages, which end with the one to answer.

    A reply that has no text is left out together with its message.
    """
    lines: list[Line] = []
    for message in messages:
        if "reply_to" not in message:
            lines.append(Line("human", message["msg"].removeprefix(HUMAN)))
        elif text := message["msg"].removeprefix(BOT):
            lines.append(Line("bot", text))
        elif lines:
            lines.pop()
    return lines[-size:]


def fit(lines: Sequence[Line], tokens: int) -> list[Line]:
    """Return the latest lines that have room in ``tokens``.

    The oldest give way first; where the last one alone is too long, it loses its beginning.
    """
    room = max(tokens, 1) * BYTES_PER_TOKEN
    kept: list[Line] = []
    for line in reversed(lines):
        cost = len(line.text.encode()) + _LINE_OVERHEAD
        if cost > room:
            if not kept:
                end = line.text.encode()[-max(room - _LINE_OVERHEAD, 1) :]
                kept.append(Line(line.source, end.decode(errors="ignore")))
            break
        room -= cost
        kept.append(line)
    return kept[::-1]


def size(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def completion(lines: Sequence[Line], said: str = "", system: str | None = None) -> str:
    """Return the prompt for a model that completes text, after ``said`` of its reply."""
    parts = [system] if system else []
    for source, text in lines:
        parts.append((HUMAN if source == "human" else BOT) + _SPEAKER.sub(r"\1 :", text))
    parts.append(BOT + said if said else BOT.rstrip())
    return " ".join(parts)


def roles(lines: Sequence[Line], said: str = "", system: str | None = None) -> list[dict[str, str]]:
    """Return the messages for a chat model, after ``said`` of its reply.

    They begin with a person's: strict templates refuse another beginning.
    """
    first = next((n for n, line in enumerate(lines) if line.source == "human"), len(lines))
    messages = [{"role": "system", "content": system}] if system else []
    for source, text in lines[first:]:
        messages.append({"role": "user" if source == "human" else "assistant", "content": text})
    if said:
        messages.append({"role": "assistant", "content": said})
    return messages
