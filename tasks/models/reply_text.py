"""Makes a reply of the pieces that a model sends: what is given out is never taken back."""

from __future__ import annotations

STOP = "Human:"  # where a model that completes text begins to speak for the person

_HIGH = ("\ud800", "\udbff")


class Text:
    """A reply's text. The pieces that it gives add up to it, and it has no white space at its ends.

    Held back is what may turn out not to belong to it: the beginning of a stop string, white space
    until something follows, and half of a surrogate pair until its other half comes.
    """

    def __init__(self, said: str = "") -> None:
        self.said = said
        self.ended = False  # the stop string has come
        self._held = ""

    def add(self, piece: str) -> str:
        """Take a piece; return what is certain now."""
        if self.ended:
            return ""
        self._held += piece
        if not self.said:
            self._held = self._held.lstrip()
        stop = self._held.find(STOP)
        if stop >= 0:
            self.ended = True
            return self._give(len(self._held[:stop].rstrip()))
        certain = len(self._held)
        if certain and _HIGH[0] <= self._held[-1] <= _HIGH[1]:
            certain -= 1
        certain -= _begun(self._held[:certain], STOP)
        return self._give(len(self._held[:certain].rstrip()))

    def end(self) -> str:
        """Return what was held back and belongs to the reply, now that nothing follows."""
        return "" if self.ended else self._give(len(self._held.rstrip()))

    def _give(self, length: int) -> str:
        given, self._held = self._held[:length], self._held[length:]
        # Pairs are joined, and halves that stay alone are no characters.
        given = given.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        self.said += given
        return given


def _begun(text: str, stop: str) -> int:
    """Return how many of the last characters of ``text`` could be the beginning of ``stop``."""
    return next((n for n in range(len(stop) - 1, 0, -1) if text.endswith(stop[:n])), 0)
