"""One message from a pipe, and its reply."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

import click

from terminal.conversation import Reply
from terminal.delays import LOST, delay_reason, unexplained_delay
from terminal.errors import Failed
from terminal.session_client import SessionClient
from terminal.silence import SilenceTimer
from terminal.snapshot import Snapshot
from terminal.styles import clean
from terminal.websocket_client import MAX_FRAME_SIZE

MAX_OUTAGE = 60.0  # seconds without a connection; a script cannot press Ctrl-C
_POLL_INTERVAL = 1.0  # seconds
INTERRUPTED = 130  # the exit code that shells report for Ctrl-C


def read_message() -> str:
    """Return all of standard input as one message.

    Raises:
        Failed: The message is blank, or longer than any frame.
    """
    data = sys.stdin.buffer.read(MAX_FRAME_SIZE + 1) if sys.stdin else b""
    if len(data) > MAX_FRAME_SIZE:
        raise Failed("That message is too long.")
    text = data.decode(errors="replace").strip()
    if not text:
        raise Failed("Standard input is empty: there is no message to send.")
    return text


def send_once(open_chat: Callable[[Callable[[], None]], SessionClient], text: str) -> int:
    """Send ``text``, print the reply while it streams, and return the exit code.

    Ctrl-C stops the reply. A second Ctrl-C ends the program at once.

    Raises:
        Failed: The reply is not complete.
    """
    wakeups: SimpleQueue[bool] = SimpleQueue()  # True for a Ctrl-C

    def on_change() -> None:
        if wakeups.empty():
            wakeups.put(False)

    client = open_chat(on_change)
    signal.signal(signal.SIGINT, lambda *_: wakeups.put(True))
    stopped = False
    reply_printer, notice_printer = _ReplyPrinter(), _NoticePrinter()
    try:
        message_id = client.send_message(text)
        while True:
            snapshot = client.snapshot()
            reply = _reply_so_far(snapshot, message_id)
            notice_printer.print(snapshot, reply)
            if reply:
                reply_printer.print(reply)
            if reply and reply.finished:
                break
            with suppress(Empty):
                if wakeups.get(timeout=_POLL_INTERVAL):
                    if stopped or not client.snapshot().has_history:
                        return INTERRUPTED
                    stopped = True
                    client.stop()
                    withdrawn = client.snapshot().refused.get(message_id)
                    if withdrawn:
                        click.echo(withdrawn, err=True)
                        return INTERRUPTED
    finally:
        client.close()
    if reply.status == "failed":
        raise Failed(reply.error)
    if reply.status == "stopped" and not stopped:
        raise Failed("The reply was stopped by another client.")
    return INTERRUPTED if stopped else 0


def _reply_so_far(snapshot: Snapshot, message_id: str) -> Reply | None:
    """Return the reply so far, None if it has not started.

    Raises:
        Failed: The reply will not be completed.
    """
    exchange = snapshot.conversation.exchange(message_id)
    reply = exchange.reply if exchange else None
    if reply and reply.finished:
        return reply
    if message_id in snapshot.refused:
        raise Failed(snapshot.refused[message_id])
    if snapshot.state == "ended":
        raise Failed(snapshot.reason)
    since = snapshot.disconnected_since
    if since and time.monotonic() - since > MAX_OUTAGE:
        reason = f" {snapshot.reason}" if snapshot.reason else ""
        raise Failed(f"The chat could not be reached for {MAX_OUTAGE:.0f} seconds.{reason}")
    return reply


class _ReplyPrinter:
    """Prints the new text of a reply, and a line end after a finished one."""

    def __init__(self) -> None:
        self._printed = ""
        self._is_terminal = bool(sys.stdout and sys.stdout.isatty())

    def print(self, reply: Reply) -> None:
        if not reply.msg.startswith(self._printed):
            click.echo()
            click.echo("The reply starts again from the beginning.", err=True)
            self._printed = ""
        new = reply.msg[len(self._printed) :]
        self._printed = reply.msg
        click.echo(clean(new) if self._is_terminal else new, nl=reply.finished and bool(reply.msg))


class _NoticePrinter:
    """Prints on standard error why nothing arrives, each reason once.

    A busy server is reported at once, any other reason after NOTICE_AFTER seconds: a connection
    that is lost for a moment does not matter to a script that gets its reply.
    """

    def __init__(self) -> None:
        self._silence = SilenceTimer()
        self._last_reply: Reply | None = None
        self._printed = {""}

    def print(self, snapshot: Snapshot, reply: Reply | None) -> None:
        if reply != self._last_reply:
            self._last_reply = reply
            self._silence.restart()
        if not self._silence.expired and not (snapshot.postponed and snapshot.pending):
            return
        lost = f"{snapshot.reason} Trying again." if snapshot.reason else LOST
        known = lost if snapshot.state == "lost" else delay_reason(snapshot)
        notice = known or unexplained_delay(snapshot)
        if notice not in self._printed:
            self._printed.add(notice)
            click.echo(clean(notice), err=True)
