"""A conversation as lines of a terminal: what is printed stays, so only news are added."""

from __future__ import annotations

import click

from web.terminal.connection import View
from web.terminal.conversation import Reply, Turn

_WAITS = {
    "model_unavailable": "The model is loading or busy; the reply will come.",
}
_ANY_WAIT = "The model keeps us waiting; the reply will come."

# A terminal obeys control characters, and these texts come from people and models.
_CONTROLS = dict.fromkeys((*range(32), 127, *range(128, 160)), "\ufffd")
_CONTROLS |= {ord("\n"): "\n", ord("\t"): "\t", ord("\r"): ""}


def clean(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return text.translate(_CONTROLS)


def note(text: str) -> str:
    """Return a line that is neither person's nor bot's."""
    return click.style(f"· {clean(text)}", dim=True) + "\n"


class Transcript:
    """What has been printed of a conversation."""

    def __init__(self) -> None:
        self._said: set[str] = set()  # messages that stand there, the person's own typed ones too
        self._shown: dict[str, Reply] = {}  # by message, as far as the reply stands there
        self._in_line = False  # a reply's last line is still open
        self._last_note = ""
        self._was_lost = False
        self._told: set[tuple[str, str]] = set()

    def typed(self, message_id: str) -> None:
        """Note that the person has typed a message, so that it stands there."""
        self._said.add(message_id)

    def news(self, view: View, *, whole: bool = False) -> str:
        """Return what is to be printed now; with ``whole``, no reply that still grows."""
        return self._turns(view, whole) + self._notes(view)

    def _turns(self, view: View, whole: bool) -> str:
        text = ""
        for turn in view.conversation.turns:
            if whole and not turn.answered:
                break
            if turn.id not in self._said and turn.msg:
                self._said.add(turn.id)
                text += self._line_end() + _label(view.conversation.name) + clean(turn.msg) + "\n"
            text += self._reply(turn)
            if not turn.answered:
                break  # what comes later is said later
        return text

    def _reply(self, turn: Turn) -> str:
        reply, shown = turn.reply, self._shown.get(turn.id)
        if reply is None:
            self._shown.pop(turn.id, None)  # it is to be answered again
            return self._line_end()
        if shown and shown.finished and (shown.id == reply.id or shown.status == reply.status):
            return ""
        text = ""
        if shown and (shown.id != reply.id or not reply.msg.startswith(shown.msg)):
            text += self._line_end() + note("The reply begins anew.")
            shown = None
        said = len(shown.msg) if shown else 0
        if reply.msg[said:]:
            if not said:
                text += self._line_end() + _label("Bot")
            text += clean(reply.msg[said:])
            self._in_line = True
        if reply.finished:
            text += self._line_end()
            if reply.status == "stopped":
                text += note("Stopped.")
            elif reply.status == "failed":
                text += note(f"No whole reply: {reply.error} (/retry)")
        self._shown[turn.id] = reply
        return text

    def _notes(self, view: View) -> str:
        text = "".join(note(said) for key, said in view.refused if (key, said) not in self._told)
        self._told = set(view.refused)
        current = self._current(view)
        if current and current != self._last_note:
            text += note(current)
        self._last_note = current
        self._was_lost = view.state == "lost" or (self._was_lost and view.state != "open")
        return self._line_end() + text if text else ""

    def _current(self, view: View) -> str:
        """Return what is to be said about the state of things."""
        if view.state == "ended":
            unsent = " Your message was not sent." if view.waiting else ""
            return f"{view.why}{unsent} /new begins another."
        if view.state == "lost":
            kept = " Your message is kept and sent then." if view.waiting else ""
            return f"The connection is lost; trying again.{kept}"
        if self._was_lost and view.state == "open":
            return "Connected again."
        turn = view.conversation.unanswered()
        if turn and turn.wait:
            return _WAITS.get(turn.wait, _ANY_WAIT)
        if turn and turn.position and not turn.reply:
            return f"Messages that are answered before this one: {turn.position}."
        return ""

    def _line_end(self) -> str:
        ended, self._in_line = self._in_line, False
        return "\n" if ended else ""


def _label(name: str) -> str:
    return click.style(f"{clean(name)}:", bold=True) + " "
