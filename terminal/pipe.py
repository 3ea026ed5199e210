"""One message from a pipe, and its reply."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

import click

from terminal.connection import Connection
from terminal.conversation import Reply
from terminal.errors import Failed
from terminal.patience import Patience, still_waiting
from terminal.snapshot import View
from terminal.transcript import LOST, clean, why_waiting
from terminal.websocket_client import LARGEST_FRAME

GIVE_UP = 60.0  # seconds without a connection; nobody may be there to end it
_LOOK_EVERY = 1.0  # seconds
INTERRUPTED = 130  # the exit code that shells give to Ctrl-C


def read_message() -> str:
    """Return all of standard input as one message.

    Raises:
        Failed: It is blank, or longer than any frame.
    """
    given = sys.stdin.buffer.read(LARGEST_FRAME + 1) if sys.stdin else b""
    if len(given) > LARGEST_FRAME:
        raise Failed("That message is too long.")
    text = given.decode(errors="replace").strip()
    if not text:
        raise Failed("There is nothing to say: standard input is empty.")
    return text


def ask_once(open_connection: Callable[[Callable[[], None]], Connection], text: str) -> int:
    """Say ``text``, print the reply as it comes, and return the exit code.

    Ctrl-C stops the reply, and a second one leaves at once.

    Raises:
        Failed: There is no whole reply.
    """
    woken: SimpleQueue[bool] = SimpleQueue()  # True for a Ctrl-C

    def changed() -> None:
        if woken.empty():
            woken.put(False)

    connection = open_connection(changed)
    signal.signal(signal.SIGINT, lambda *_: woken.put(True))
    stopped = False
    printer, notes = _Printer(), _Notes()
    try:
        message_id = connection.say(text)
        while True:
            view = connection.look()
            reply = _reply_so_far(view, message_id)
            notes.show(view, reply)
            if reply:
                printer.show(reply)
            if reply and reply.finished:
                break
            with suppress(Empty):
                if woken.get(timeout=_LOOK_EVERY):
                    if stopped or not connection.look().known:
                        return INTERRUPTED
                    stopped = True
                    connection.stop()
                    withdrawn = connection.look().refused.get(message_id)
                    if withdrawn:
                        click.echo(withdrawn, err=True)
                        return INTERRUPTED
    finally:
        connection.close()
    if reply.status == "failed":
        raise Failed(reply.error)
    if reply.status == "stopped" and not stopped:
        raise Failed("The reply was stopped from elsewhere.")
    return INTERRUPTED if stopped else 0


def _reply_so_far(view: View, message_id: str) -> Reply | None:
    """Return what there is of the reply.

    Raises:
        Failed: There will be no more.
    """
    turn = view.conversation.turn(message_id)
    reply = turn.reply if turn else None
    if reply and reply.finished:
        return reply
    if message_id in view.refused:
        raise Failed(view.refused[message_id])
    if view.state == "ended":
        raise Failed(view.why)
    if view.away_since and time.monotonic() - view.away_since > GIVE_UP:
        why = f" {view.why}" if view.why else ""
        raise Failed(f"The chat could not be reached for {GIVE_UP:.0f} seconds.{why}")
    return reply


class _Printer:
    """Prints a reply's new text, and ends its last line."""

    def __init__(self) -> None:
        self._printed = ""
        self._for_eyes = bool(sys.stdout and sys.stdout.isatty())

    def show(self, reply: Reply) -> None:
        if not reply.msg.startswith(self._printed):
            click.echo()
            click.echo("The reply begins anew.", err=True)
            self._printed = ""
        news = reply.msg[len(self._printed) :]
        self._printed = reply.msg
        click.echo(clean(news) if self._for_eyes else news, nl=reply.finished and bool(reply.msg))


class _Notes:
    """Says on standard error why nothing comes, each reason once.

    That the server is busy is said at once, anything else after a while: a script whose reply
    comes anyway need not know of a connection that was lost for a moment.
    """

    def __init__(self) -> None:
        self._patience = Patience()
        self._before: Reply | None = None
        self._said = {""}

    def show(self, view: View, reply: Reply | None) -> None:
        if reply != self._before:
            self._before = reply
            self._patience.renew()
        if not self._patience.over and not (view.postponed and view.waiting):
            return
        lost = f"{view.why} Trying again." if view.why else LOST
        why = (lost if view.state == "lost" else why_waiting(view)) or still_waiting(view)
        if why not in self._said:
            self._said.add(why)
            click.echo(clean(why), err=True)
