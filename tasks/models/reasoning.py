"""What a model thinks, where it stands in the text of its answer between tags."""

from __future__ import annotations

# The tags that models think between, at the beginning of their answer.
_TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "[THINK]": "[/THINK]",
}
_CLOSE = "</think>"


class ThinkTags:
    """Takes what a model thinks out of its text, however the text is split.

    That is text between tags at the beginning, and the text before a closing tag that no opening
    one precedes: the chat templates of DeepSeek R1 and of Qwen3 put that one into the prompt. So it
    is noticed late, and the text that was returned before is `void` then.
    """

    def __init__(self, partial_text: str = "") -> None:
        """``partial_text`` is the beginning of the reply, which the answer continues."""
        self.thinking = False  # whether the text is within tags now
        self.seen = False  # whether the model has thought
        self.void = False  # whether the text before the last `add` was thinking, too
        self._text_begun = False
        self._close = ""  # the tag that ends the thinking
        self._pending = ""
        self._texts = [partial_text]  # the text that was returned

    def add(self, text: str) -> str:
        """Add text from the model. Returns the further text that belongs to the reply."""
        if self._text_begun:
            if "<" not in text and not self._pending:
                self._texts.append(text)
                return text
            return self._after_beginning(text)
        self._pending += text
        return self._beginning()

    def finish(self) -> str:
        """Return the pending text that belongs to the reply, now that the model sends no more."""
        text = "" if self.thinking else self._pending
        self._pending = ""
        if self._text_begun and text == _CLOSE and self._is_orphan(""):
            self.void = self.seen = True
            return ""
        return text

    def _beginning(self) -> str:
        while True:
            if self.thinking:
                _, tag, rest = self._pending.partition(self._close)
                if not tag:
                    self._pending = self._pending[-len(self._close) :]
                    return ""
                self.thinking, self._pending = False, rest
            begin = self._pending.lstrip()
            opened = next((tag for tag in _TAGS if begin.startswith(tag)), None)
            if opened is None:
                break
            self.thinking = self.seen = True
            self._close, self._pending = _TAGS[opened], begin[len(opened) :]
        if any(tag.startswith(begin) for tag in _TAGS):  # also if there is none yet
            return ""
        text, self._pending, self._text_begun = self._pending, "", True
        return self._after_beginning(text)

    def _after_beginning(self, text: str) -> str:
        text, self._pending = self._pending + text, ""
        end = 0
        while (place := text.find(_CLOSE, end)) >= 0:
            end = place + len(_CLOSE)
            if end == len(text):  # what follows decides
                text, self._pending = text[:place], _CLOSE
                break
            if text[end] in "\r\n" and self._is_orphan(text[:place]):
                self.void = self.seen = True
                self._text_begun, self._texts = False, []
                self._pending = text[end:]
                return self._beginning()
        else:
            held = next((n for n in range(7, 0, -1) if text.endswith(_CLOSE[:n])), 0)
            text, self._pending = text[: len(text) - held], text[len(text) - held :]
        self._texts.append(text)
        return text

    def _is_orphan(self, text: str) -> bool:
        """Whether a closing tag behind ``text`` ends thinking, and is not only written about."""
        before = "".join(self._texts) + text
        return "<think>" not in before and before.count("```") % 2 == 0
