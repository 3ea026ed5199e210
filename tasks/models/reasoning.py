"""What a model thinks, where it stands in the text of its answer between tags."""

from __future__ import annotations

import re

# The tags that models think between at the beginning of their answer, in lower case: those of
# DeepSeek and Qwen, Gemini, Mistral, Kimi, Seed, MiniMax, Gemma, and those of Open WebUI's list.
_TAGS = {
    **{f"<{name}>": f"</{name}>" for name in ("think", "thinking", "thought", "reasoning")},
    **{f"<{name}:think>": f"</{name}:think>" for name in ("seed", "mm")},
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    "<|channel>thought": "<channel|>",
}
# The form of gpt-oss has several messages. All but the final one are thinking:
# https://github.com/openai/harmony
_HARMONY = ("<|channel|>", "<|start|>")
_HARMONY_FINAL = re.compile(
    r"<\|channel\|>\s*final[^<]{0,64}(?:<\|constrain\|>[^<]{0,64})?<\|message\|>"
)
_HARMONY_ENDS = ("<|return|>", "<|end|>")
_OPENINGS = (*_TAGS, *_HARMONY)
_LONGEST_CLOSE = 200  # characters
_CLOSE = "</think>"
# Thinking that ends without a tag at its beginning ends with a line or with a sentence.
_ENDS = tuple("\r\n.!?\u2026\u3002\uff01\uff1f")


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
        self._close = _HARMONY_FINAL  # what ends the thinking
        self._ends: tuple[str, ...] = ()  # marks that the text may end with
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
        text = "" if self.thinking or self._pending in self._ends else self._pending
        self._pending = ""
        if self._text_begun and text == _CLOSE and self._is_orphan("", "\n"):
            self.void = self.seen = True
            return ""
        return text

    def _beginning(self) -> str:
        while True:
            if self.thinking:
                closed = self._close.search(self._pending)
                if not closed:
                    self._pending = self._pending[-_LONGEST_CLOSE:]
                    return ""
                self.thinking, self._pending = False, self._pending[closed.end() :]
            begin = self._pending.lstrip()
            lower = begin.lower()
            opened = next((tag for tag in _OPENINGS if lower.startswith(tag)), None)
            if opened is None:
                break
            self.thinking = self.seen = True
            if opened in _HARMONY:  # it may be that of the final message
                self._close, self._ends, self._pending = _HARMONY_FINAL, _HARMONY_ENDS, begin
            else:
                self._close = re.compile(re.escape(_TAGS[opened]), re.IGNORECASE)
                self._pending = begin[len(opened) :]
        if any(tag.startswith(lower) for tag in _OPENINGS):  # also if there is none yet
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
            if self._is_orphan(text[:place], text[end]):
                self.void = self.seen = True
                self._text_begun, self._texts = False, []
                self._pending = text[end:]
                return self._beginning()
        else:
            marks = (_CLOSE, *self._ends)
            held = max(_overlap(text, mark) for mark in marks)
            text, self._pending = text[: len(text) - held], text[len(text) - held :]
        self._texts.append(text)
        return text

    def _is_orphan(self, text: str, following: str) -> bool:
        """Whether a closing tag behind ``text`` ends thinking, and is not only written about."""
        before = "".join(self._texts) + text
        if "<think>" in before or before.count("```") % 2:
            return False
        return following in "\r\n" or not before.strip() or before.endswith(_ENDS)


def _overlap(text: str, mark: str) -> int:
    """Return how many of the last characters of ``text`` are, or may begin, ``mark``."""
    if text.endswith(mark):
        return len(mark)
    return next((n for n in range(len(mark) - 1, 0, -1) if text.endswith(mark[:n])), 0)
