"""The text of a reply, assembled from what a model sends. Text that was returned stays valid."""

from __future__ import annotations

# A model that completes text begins the person's next message with this.
STOP_SEQUENCE = "Human:"

# The beginnings of the stop sequence, the longest first.
_STOP_BEGINNINGS = tuple(STOP_SEQUENCE[:n] for n in range(len(STOP_SEQUENCE) - 1, 0, -1))
_FIRST_HIGH_SURROGATE, _LAST_HIGH_SURROGATE = "\ud800", "\udbff"


class ReplyText:
    """A reply's text: it ends before the stop sequence and has no white space at either end.

    The strings that `add` and `finish` return, joined, are the text. Some text is pending until it
    is certain that it belongs to the reply: a possible beginning of the stop sequence, white space
    until other text follows, and the first half of a surrogate pair.
    """

    def __init__(self, text: str = "", stop_sequence: str | None = STOP_SEQUENCE) -> None:
        """``text`` is the partial text with which the reply begins."""
        self.text = text
        self.stopped = False  # whether the stop sequence has arrived
        self._pending = ""
        self._stop_sequence = stop_sequence

    def add(self, text: str) -> str:
        """Add text from the model. Returns the further text that is certain now."""
        if self.stopped:
            return ""
        self._pending += text
        if not self.text:
            self._pending = self._pending.lstrip()
        if self._stop_sequence and (stop := self._pending.find(self._stop_sequence)) >= 0:
            self.stopped = True
            return self._take(len(self._pending[:stop].rstrip()))
        certain = len(self._pending)
        if certain and _FIRST_HIGH_SURROGATE <= self._pending[-1] <= _LAST_HIGH_SURROGATE:
            certain -= 1
        if self._stop_sequence:
            certain -= _overlap(self._pending[:certain])
        return self._take(len(self._pending[:certain].rstrip()))

    def finish(self) -> str:
        """Return the pending text that belongs to the reply, now that the model sends no more."""
        return "" if self.stopped else self._take(len(self._pending.rstrip()))

    def _take(self, length: int) -> str:
        taken, self._pending = self._pending[:length], self._pending[length:]
        if not taken.isascii():
            # Joins surrogate pairs and replaces single surrogates, which are not characters.
            taken = taken.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        self.text += taken
        return taken


def _overlap(text: str) -> int:
    """Return how many of the last characters of ``text`` could be the stop sequence's beginning."""
    if not text.endswith(_STOP_BEGINNINGS):
        return 0
    return next(len(begin) for begin in _STOP_BEGINNINGS if text.endswith(begin))
