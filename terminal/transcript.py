"""A conversation as lines of a terminal. Printed text stays, so only new text is printed."""

from __future__ import annotations

import click

from terminal.conversation import NO_WORKER, Exchange, Reply
from terminal.snapshot import Snapshot

NOBODY = "Nobody can answer right now. Your message is kept and will be answered."
_WAIT_REASONS = {
    NO_WORKER: NOBODY,
    "busy": "The model is busy; the reply will come.",
    "model_unavailable": "The model is still loading or away; the reply will come.",
}
_ANY_WAIT_REASON = "The model is not ready; the reply will come."

_POSTPONED = {
    "busy": "The chat is busy.",
    "rate_limited": "You send faster than the chat allows.",
}
_WILL_BE_SENT = "Your message is kept, and sent again in {} s; Ctrl-C withdraws it."
LOST = "The connection is lost; trying again."

# A terminal obeys control characters, and the texts come from other people and from models.
_CONTROLS = dict.fromkeys((*range(32), 127, *range(128, 160)), "\ufffd")
_CONTROLS |= {ord("\n"): "\n", ord("\t"): "\t", ord("\r"): ""}


def clean(text: str) -> str:
    """Return a text without the control characters that a terminal obeys."""
    return text.translate(_CONTROLS)


def note(text: str) -> str:
    """Return a line in the client's own words, as opposed to the person's and the bot's."""
    return click.style(f"· {clean(text)}", dim=True) + "\n"


class Transcript:
    """What has been printed of a conversation, and what is to be printed next."""

    def __init__(self) -> None:
        self._messages: set[str] = set()  # ids of the messages that are printed or were typed
        self._replies: dict[str, Reply] = {}  # replies as printed, by message id
        self._retries: dict[str, int] = {}  # retries before the printed reply, by message id
        self._line_open = False  # the last line of a reply may be continued
        self._state = ""
        self._lost_reason = ""  # the last one that was printed
        self._delay = ""  # the last `delay_reason`
        self._refusals: set[tuple[str, str]] = set()  # ids and sentences that are printed

    def typed(self, message_id: str) -> None:
        """Note that the person has typed a message here, so that it is not printed again."""
        self._messages.add(message_id)

    def update(self, snapshot: Snapshot, *, finished_only: bool = False) -> str:
        """Return the text to print now. ``finished_only`` leaves out a reply that still grows."""
        state = self._state_note(snapshot)
        return state + self._exchanges(snapshot, finished_only) + self._notes(snapshot)

    def _exchanges(self, snapshot: Snapshot, finished_only: bool) -> str:
        text = ""
        name = snapshot.conversation.name
        for exchange in snapshot.conversation.exchanges:
            if finished_only and not exchange.answered:
                break
            if exchange.id not in self._messages and exchange.msg:
                self._messages.add(exchange.id)
                text += self._end_line() + _label(name) + clean(exchange.msg) + "\n"
            text += self._reply(exchange)
            if not exchange.answered:
                break  # later messages are printed below this reply
        return text

    def _reply(self, exchange: Exchange) -> str:
        reply, printed = exchange.reply, self._replies.get(exchange.id)
        if reply is None:
            self._replies.pop(exchange.id, None)  # the message is to be answered again
            return self._end_line()
        if printed and self._retries.get(exchange.id, 0) < exchange.retries:
            printed = None
        if printed and printed.finished and _same(printed, reply):
            return ""
        text = ""
        if printed and (printed.id != reply.id or not reply.msg.startswith(printed.msg)):
            text += self._end_line() + note("The reply begins anew.")
            printed = None
        length = len(printed.msg) if printed else 0
        if reply.msg[length:]:
            if not self._line_open:
                text += _label("Bot" if not length else "Bot (continued)")
            text += clean(reply.msg[length:])
            self._line_open = True
        if reply.finished:
            text += self._end_line()
            if reply.status == "stopped":
                text += note("Stopped.")
            elif reply.status == "failed":
                text += note(f"The reply failed: {reply.error} (/retry)")
        self._replies[exchange.id] = reply
        self._retries[exchange.id] = exchange.retries
        return text

    def _state_note(self, snapshot: Snapshot) -> str:
        before, self._state = self._state, snapshot.state
        reason = snapshot.reason
        if snapshot.state == "lost" and reason and reason != self._lost_reason:
            self._lost_reason = reason
            return self.note(f"{reason} Trying again.")
        if snapshot.state == before:
            return ""
        self._lost_reason = reason
        if snapshot.state == "ended":
            unsent = " Your message was not sent." if snapshot.pending else ""
            return self.note(f"{reason}{unsent} /new begins another.")
        if snapshot.state == "lost":
            return self.note(LOST)
        if before == "lost":
            return self.note("Connected again.")
        return ""

    def _notes(self, snapshot: Snapshot) -> str:
        refusals = snapshot.refused.items()
        text = "".join(note(msg) for key, msg in refusals if (key, msg) not in self._refusals)
        self._refusals = set(refusals)
        before, self._delay = self._delay, delay_reason(snapshot)
        if self._delay and self._delay != before:
            text += note(self._delay)
        return self._end_line() + text if text else ""

    def note(self, text: str) -> str:
        """Return a note that begins on a new line, '' for an empty text."""
        return self._end_line() + note(text) if text else ""

    def _end_line(self) -> str:
        was_open, self._line_open = self._line_open, False
        return "\n" if was_open else ""


def delay_reason(snapshot: Snapshot) -> str:
    """Return why the reply or the message is delayed, as far as that is known; else ''."""
    if snapshot.state == "lost" and snapshot.pending:
        return "Your message is kept, and sent once the connection is back."
    exchange = snapshot.conversation.unanswered()
    if exchange and exchange.wait_reason:
        return _WAIT_REASONS.get(exchange.wait_reason, _ANY_WAIT_REASON)
    if exchange and exchange.position and not exchange.reply:
        return f"Messages that are answered before this one: {exchange.position}."
    if snapshot.postponed and snapshot.pending and not exchange:
        why = _POSTPONED.get(snapshot.postponed.code, _POSTPONED["busy"])
        return f"{why} {_WILL_BE_SENT.format(snapshot.postponed.seconds)}"
    return ""


def _same(printed: Reply, reply: Reply) -> bool:
    """Whether a reply is printed already. A failed reply may get its id later."""
    return printed.id == reply.id or printed.status == reply.status == "failed"


def _label(name: str) -> str:
    return click.style(f"{clean(name)}:", bold=True) + " "
