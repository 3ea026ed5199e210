"""A conversation as lines of a terminal: what is printed stays, so only news are added."""

from __future__ import annotations

import click

from terminal.conversation import NO_WORKER, Reply, Turn
from terminal.snapshot import View

NOBODY = "Nobody can answer right now. Your message is kept and will be answered."
_WAITS = {
    NO_WORKER: NOBODY,
    "busy": "The model is busy; the reply will come.",
    "model_unavailable": "The model is still loading or away; the reply will come.",
}
_ANY_WAIT = "The model keeps us waiting; the reply will come."

_POSTPONED = {
    "busy": "The chat is busy.",
    "rate_limited": "You send faster than the chat allows.",
}
_KEPT = "Your message is kept, and sent again in {} s; Ctrl-C withdraws it."
LOST = "The connection is lost; trying again."

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
        self._attempts: dict[str, int] = {}  # by message, the attempt that this reply came from
        self._in_line = False  # a reply's last line is still open
        self._state = ""
        self._why = ""  # the connection is lost
        self._hint = ""
        self._told: set[tuple[str, str]] = set()

    def typed(self, message_id: str) -> None:
        """Note that the person has typed a message, so that it stands there."""
        self._said.add(message_id)

    def news(self, view: View, *, whole: bool = False) -> str:
        """Return what is to be printed now; with ``whole``, no reply that still grows."""
        return self._state_note(view) + self._turns(view, whole) + self._hints(view)

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
        if shown and self._attempts.get(turn.id, 0) < turn.attempt:
            shown = None
        if shown and shown.finished and _same(shown, reply):
            return ""
        text = ""
        if shown and (shown.id != reply.id or not reply.msg.startswith(shown.msg)):
            text += self._line_end() + note("The reply begins anew.")
            shown = None
        said = len(shown.msg) if shown else 0
        if reply.msg[said:]:
            if not self._in_line:
                text += _label("Bot" if not said else "Bot, going on")
            text += clean(reply.msg[said:])
            self._in_line = True
        if reply.finished:
            text += self._line_end()
            if reply.status == "stopped":
                text += note("Stopped.")
            elif reply.status == "failed":
                text += note(f"No whole reply: {reply.error} (/retry)")
        self._shown[turn.id] = reply
        self._attempts[turn.id] = turn.attempt
        return text

    def _state_note(self, view: View) -> str:
        before, self._state = self._state, view.state
        if view.state == "lost" and view.why and view.why != self._why:
            self._why = view.why
            return self._line_end() + note(f"{view.why} Trying again.")
        if view.state == before:
            return ""
        self._why = view.why
        if view.state == "ended":
            unsent = " Your message was not sent." if view.waiting else ""
            return self._line_end() + note(f"{view.why}{unsent} /new begins another.")
        if view.state == "lost":
            return self._line_end() + note(LOST)
        if before == "lost":
            return self._line_end() + note("Connected again.")
        return ""

    def _hints(self, view: View) -> str:
        refused = view.refused.items()
        text = "".join(note(said) for key, said in refused if (key, said) not in self._told)
        self._told = set(refused)
        before, self._hint = self._hint, why_waiting(view)
        if self._hint and self._hint != before:
            text += note(self._hint)
        return self._line_end() + text if text else ""

    def aside(self, text: str) -> str:
        """Return a note on a line of its own, '' for none."""
        return self._line_end() + note(text) if text else ""

    def _line_end(self) -> str:
        ended, self._in_line = self._in_line, False
        return "\n" if ended else ""


def why_waiting(view: View) -> str:
    """Return why the person has to wait, '' if nothing is to be said."""
    if view.state == "lost" and view.waiting:
        return "Your message is kept, and sent once the connection is back."
    turn = view.conversation.unanswered()
    if turn and turn.wait:
        return _WAITS.get(turn.wait, _ANY_WAIT)
    if turn and turn.position and not turn.reply:
        return f"Messages that are answered before this one: {turn.position}."
    if view.postponed and view.waiting and not turn:
        why = _POSTPONED.get(view.postponed.code, _POSTPONED["busy"])
        return f"{why} {_KEPT.format(view.postponed.seconds)}"
    return ""


def _same(shown: Reply, reply: Reply) -> bool:
    """Tell whether a reply stands there; one that failed may have got its id only later."""
    return shown.id == reply.id or shown.status == reply.status == "failed"


def _label(name: str) -> str:
    return click.style(f"{clean(name)}:", bold=True) + " "
