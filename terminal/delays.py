"""What a person reads about a delay, with or without a reason from the server."""

from __future__ import annotations

from terminal.conversation import NO_WORKER, THINKING
from terminal.snapshot import Snapshot

LOST = "The connection is lost; trying again."
NOBODY = "Nobody can answer right now. Your message is kept and will be answered."

_WAIT_REASONS = {
    NO_WORKER: NOBODY,
    THINKING: "The model is thinking…",
    "busy": "The model is busy; the reply will come.",
    "model_unavailable": "The model is loading or cannot be reached; the reply will come.",
}
_ANY_WAIT_REASON = "The model is not ready; the reply will come."

_POSTPONED = {
    "busy": "The chat is busy.",
    "rate_limited": "You send faster than the chat allows.",
}
_WILL_BE_SENT = "Your message is kept, and will be sent again in {} s; Ctrl-C withdraws it."


def delay_reason(snapshot: Snapshot) -> str:
    """Return why the reply or the message is delayed, as far as that is known; else ''."""
    if snapshot.state == "lost" and snapshot.pending:
        return "Your message is kept, and will be sent when the connection is back."
    exchange = snapshot.conversation.unanswered()
    if exchange and exchange.wait_reason:
        return _WAIT_REASONS.get(exchange.wait_reason, _ANY_WAIT_REASON)
    if exchange and exchange.position and not exchange.reply:
        ahead = exchange.position
        return f"{ahead} {'message is' if ahead == 1 else 'messages are'} ahead of yours."
    if snapshot.postponed and snapshot.pending and not exchange:
        why = _POSTPONED.get(snapshot.postponed.code, _POSTPONED["busy"])
        return f"{why} {_WILL_BE_SENT.format(snapshot.postponed.seconds)}"
    return ""


def unexplained_delay(snapshot: Snapshot) -> str:
    """Return what the client waits for although the server gave no reason; '' for nothing."""
    exchange = snapshot.conversation.unanswered()
    if snapshot.state == "lost":
        return ""  # the transcript has a notice for that
    if not snapshot.has_history:
        return "Still connecting."
    if exchange:
        return "" if exchange.reply and exchange.reply.msg else "The reply has not started yet."
    return "The chat has not accepted the message yet." if snapshot.pending else ""
