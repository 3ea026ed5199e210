"""Asks a chat server that cannot continue a message for the rest of one that was cut.

Such a server begins a new message. So we ask the model to begin it with the last words of the old
one: they show where both join, with or without a space, and are not part of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.prompt import PromptMessage

# Said to the model in the person's place. It is never part of the history.
_INSTRUCTION = (
    "Your last message was cut off. Write the rest of it, and nothing else: no introduction, no"
    " comment. Begin with its last words, which are: "
)
# How much of the text's end the model repeats: some words, which seldom come twice in one message.
_REPEATED = 40  # characters
# A model may repeat more than we ask for, and put an ellipsis or a quotation mark before it.
_MAX_PENDING = 4 * _REPEATED
# Fewer equal characters, where the text ends and the rest begins, are a coincidence.
_MIN_OVERLAP = 8


def asking_for_rest(messages: Sequence[PromptMessage], text: str) -> list[PromptMessage]:
    """Return the conversation that asks for the rest of the reply ``text`` to ``messages``."""
    instruction = _INSTRUCTION + _last_words(text)
    return [*messages, PromptMessage("bot", text), PromptMessage("human", instruction)]


class RestOfReply:
    """What a model sends for the rest of a text, without what it repeats of that text.

    The strings that `add` and `finish` return, joined, go behind the text.
    """

    def __init__(self, text: str) -> None:
        """``text`` is the text that was cut."""
        self._text = text
        words = map(re.escape, _last_words(text).split())
        self._repeated = re.compile(r"\s+".join(words))
        self._pending: str | None = ""  # until it is known where the rest begins

    def add(self, text: str) -> str:
        """Add text from the model. Returns the further text of the rest."""
        if self._pending is None:
            return text
        self._pending += text
        if found := self._repeated.search(self._pending):
            rest = self._pending[found.end() :]
        elif len(self._pending) > _MAX_PENDING:
            rest = self._joined(self._pending)
        else:
            return ""
        self._pending = None
        return rest

    def finish(self) -> str:
        """Return the text that was pending, now that the model sends no more."""
        pending, self._pending = self._pending, None
        return self._joined(pending) if pending else ""

    def _joined(self, answer: str) -> str:
        """Return the rest in an answer that does not begin with the words that we asked for."""
        answer = answer.lstrip()
        for length in range(min(len(self._text), len(answer)), _MIN_OVERLAP - 1, -1):
            if self._text.endswith(answer[:length]):
                return answer[length:]
        # Where the limit cuts a text, a word has ended more often than not.
        return f" {answer}" if self._text[-1:].isalnum() and answer[:1].isalnum() else answer


def _last_words(text: str) -> str:
    end = text[-_REPEATED:]
    if len(end) < len(text) and " " in end:
        end = end[end.index(" ") + 1 :]
    return end
