"""The text of an answer, from pieces that hold what is new in it, or all of it so far."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.models.piece import Piece

# Text that comes twice is meant twice if it is shorter than this: a word, a tag, a line of a table.
_MIN_REPEATED = 64  # characters


class TextSoFar:
    """Adds pieces up. Some servers send the whole text in each piece, or once more at the end."""

    def __init__(self, repeated: Sequence[str] = ()) -> None:
        """``repeated`` may stand before the whole text: the prompt, and the partial text."""
        self._repeated = repeated
        self._texts: list[str] = []
        self._length = 0
        self._has_new_text = False  # whether any piece had text that is only what is new
        self._grows: bool | None = None  # whether each text holds the earlier ones; None: unknown
        self._held = ""  # the second text if it begins with the first: the third one decides

    def add(self, piece: Piece) -> str:
        """Add a piece. Returns the further text."""
        if piece.text:
            return self.add_text(piece.text, piece.finish)
        return self._add_whole(piece.whole) if piece.whole else ""

    def add_text(self, text: str, finish: str = "") -> str:
        """Add the text of a piece, which may have a finish reason. Returns the further text."""
        if self._grows is False and len(text) < self._length:  # nearly always
            self._texts.append(text)
            self._length += len(text)
            return text
        self._has_new_text = True
        return self._add(text, finish)

    def finish(self) -> str:
        """Return the text that was held back, now that no more comes."""
        held, self._held = self._held, ""
        if held and self._length >= _MIN_REPEATED:
            return self._replace(held)
        return self._append(held) if held else ""

    def _add(self, text: str, finish: str) -> str:
        before = "".join(self._texts)
        if self._held:
            held, self._held = self._held, ""
            self._grows = _grown(held, text)
            return self._replace(text) if self._grows else self._append(held) + self._append(text)
        if self._grows:
            if before.startswith(text):
                return ""
            return self._replace(text) if text.startswith(before) else self._append(text)
        if self._grows is None and before.strip():
            if _grown(before, text):
                self._held = text
                return ""
            self._grows = False
        repeats = len(self._texts) > 1 and text.strip() == before.strip()
        if repeats and (finish or len(text) >= _MIN_REPEATED):
            return ""
        return self._append(text)

    def _add_whole(self, whole: str) -> str:
        released = self.finish()
        before = "".join(self._texts)
        if not before.strip():
            for prefix in self._repeated:
                whole = whole.removeprefix(prefix)
            return released + self._append(whole)
        if whole.lstrip().startswith(before.lstrip()):
            return released + self._replace(whole)
        return released if self._has_new_text else released + self._append(whole)

    def _append(self, text: str) -> str:
        self._texts.append(text)
        self._length += len(text)
        return text

    def _replace(self, whole: str) -> str:
        """Take ``whole`` for the whole text. Returns what is new in it."""
        new = whole.lstrip()[len("".join(self._texts).lstrip()) :]
        self._texts, self._length = [whole], len(whole)
        return new


def _grown(before: str, text: str) -> bool:
    """Whether ``text`` is ``before`` and more."""
    before, text = before.lstrip(), text.lstrip()
    return len(text) > len(before) and text.startswith(before)
