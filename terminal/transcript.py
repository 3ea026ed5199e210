"""A conversation as printed lines. Printed text cannot change, so only new text is printed."""

from __future__ import annotations

from terminal.conversation import Exchange, Reply
from terminal.delays import LOST, delay_reason
from terminal.snapshot import Snapshot
from terminal.styles import clean, label, notice


class Transcript:
    """What has been printed of a conversation, and what is to be printed next."""

    def __init__(self) -> None:
        self._messages: set[tuple[str, str]] = set()  # ids and texts that are printed or were typed
        self._replies: dict[str, Reply] = {}  # replies as printed, by message id
        self._ended: dict[str, Reply] = {}  # the last ones printed that ended with text
        self._retries: dict[str, int] = {}  # retries before the printed reply, by message id
        self._line_open = False  # the last line of a reply may be continued
        self._state = ""
        self._lost_reason = ""  # the last one that was printed
        self._delay = ""  # the last `delay_reason`
        self._refusals: set[tuple[str, str]] = set()  # ids and sentences that are printed

    def typed(self, message_id: str, text: str) -> None:
        """Note that the person has typed a text here, so that it is not printed again."""
        self._messages.add((message_id, text))

    def update(self, snapshot: Snapshot, *, finished_only: bool = False) -> str:
        """Return the text to print now. ``finished_only`` leaves out a reply that still grows."""
        state = self._state_notice(snapshot)
        return state + self._exchanges(snapshot, finished_only) + self._notices(snapshot)

    def _exchanges(self, snapshot: Snapshot, finished_only: bool) -> str:
        text = ""
        name = snapshot.conversation.name
        for exchange in snapshot.conversation.exchanges:
            if finished_only and not exchange.answered:
                break
            message = (exchange.id, exchange.msg)
            if message not in self._messages and exchange.msg:
                self._messages.add(message)
                text += self._end_line() + label(name) + clean(exchange.msg) + "\n"
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
        self._retries[exchange.id] = exchange.retries
        if self._is_back(exchange.id, reply, printed):
            self._replies[exchange.id] = reply
            return self._end_line() + notice("The earlier reply is kept.")
        text = ""
        if printed and (printed.id != reply.id or not reply.msg.startswith(printed.msg)):
            text += self._end_line() + notice("The reply starts again from the beginning.")
            printed = None
        length = len(printed.msg) if printed else 0
        if reply.msg[length:]:
            if not self._line_open:
                text += label("Bot" if not length else "Bot (continued)")
            text += clean(reply.msg[length:])
            self._line_open = True
        if reply.finished:
            text += self._end_line()
            if reply.status == "stopped":
                text += notice("Stopped.")
            elif reply.status == "failed":
                commands = "/retry or /continue" if reply.msg else "/retry"
                text += notice(f"The reply failed: {reply.error} ({commands})")
            elif reply.finish == "length":
                text += notice("The model's limit has cut the reply. (/continue)")
            if reply.msg:
                self._ended[exchange.id] = reply
        self._replies[exchange.id] = reply
        return text

    def _is_back(self, message_id: str, reply: Reply, printed: Reply | None) -> bool:
        """Whether a reply was printed before another one that has ended without text."""
        ended = self._ended.get(message_id)
        known = ended is not None and (ended.id, ended.msg) == (reply.id, reply.msg)
        return known and reply.finished and (printed is None or printed.id != reply.id)

    def _state_notice(self, snapshot: Snapshot) -> str:
        before, self._state = self._state, snapshot.state
        reason = snapshot.reason
        if snapshot.state == "lost" and reason and reason != self._lost_reason:
            self._lost_reason = reason
            return self.notice(f"{reason} Trying again.")
        if snapshot.state == before:
            return ""
        self._lost_reason = reason
        if snapshot.state == "ended":
            unsent = " Your message was not sent." if snapshot.pending else ""
            return self.notice(f"{reason}{unsent} /new starts a new chat.")
        if snapshot.state == "lost":
            return self.notice(LOST)
        if before == "lost":
            return self.notice("Connected again.")
        return ""

    def _notices(self, snapshot: Snapshot) -> str:
        refusals = snapshot.refused.items()
        text = "".join(notice(msg) for key, msg in refusals if (key, msg) not in self._refusals)
        self._refusals = set(refusals)
        before, self._delay = self._delay, delay_reason(snapshot)
        if self._delay and self._delay != before:
            text += notice(self._delay)
        return self._end_line() + text if text else ""

    def notice(self, text: str) -> str:
        """Return a notice that begins on a new line, '' for an empty text."""
        return self._end_line() + notice(text) if text else ""

    def _end_line(self) -> str:
        was_open, self._line_open = self._line_open, False
        return "\n" if was_open else ""


def _same(printed: Reply, reply: Reply) -> bool:
    """Whether a reply is printed already. A failed reply may get its id later."""
    same = (printed.msg, printed.status) == (reply.msg, reply.status)
    return same and (printed.id == reply.id or reply.status == "failed")
