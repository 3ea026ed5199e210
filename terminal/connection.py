"""The connection of a client: it follows the session, comes back when it is cut, and sends on."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from terminal.backoff import busy_pause, pause
from terminal.conversation import GapError, fold
from terminal.errors import Failed
from terminal.pending_requests import Ask, Asks
from terminal.snapshot import Postponed, View
from terminal.websocket_client import LARGEST_FRAME, Link, LostError, SilentError, encode

STEADY = 5.0  # seconds that a connection must have lasted for the pauses to begin small again

_TRY_AGAIN = ("busy", "rate_limited")


class Connection:
    """A session followed over ``chat.events.v1``. Any thread may call it.

    ``on_change`` is called from a thread of the connection whenever `look` would show more.
    """

    def __init__(self, url: str, token: str, on_change: Callable[[], None]) -> None:
        self._url = url
        self._token = token
        self._on_change = on_change
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._link: Link | None = None  # while the history stands
        self._resend: threading.Timer | None = None  # while the server takes no message
        self._resend_at = 0.0  # seconds of the monotonic clock
        self._refusals = 0  # in a row
        self._asks = Asks()
        self._to_stop: set[str] = set()
        self._view = View(away_since=time.monotonic())
        self._thread = threading.Thread(target=self._run, name="connection", daemon=True)

    def start(self) -> None:
        """Begin to follow the session."""
        self._thread.start()

    def close(self) -> None:
        """Leave the session; it stays as it is."""
        self._closed.set()
        with self._lock:
            if self._resend:
                self._resend.cancel()
            if self._link:
                self._link.hang_up()
                self._link = None

    def look(self) -> View:
        """Return what there is to show now."""
        with self._lock:
            return replace(self._view, waiting=self._asks.ids)

    def say(self, text: str) -> str:
        """Send a message, once all before it are confirmed; return its id.

        Raises:
            Failed: It is blank or too long, too many wait already, or the session has ended.
        """
        text = text.encode(errors="replace").decode().strip()  # half characters come from no key
        frame = {"type": "message", "id": str(uuid.uuid4()), "msg": text}
        if not text:
            raise Failed("There is nothing to say.")
        if len(encode(frame).encode()) > LARGEST_FRAME:
            raise Failed("That message is too long.")
        return self._ask(Ask(frame))

    def retry(self) -> str:
        """Have the last message answered again; return its id.

        Raises:
            Failed: There is none, it is not answered yet, or as for `say`.
        """
        with self._lock:
            turns = self._view.conversation.turns
            if not turns:
                raise Failed("There is no message yet to answer again.")
            reply = turns[-1].reply
            if reply is None or not reply.finished:
                raise Failed("The last message is still to be answered.")
            return self._ask(Ask({"type": "retry", "id": turns[-1].id}, old_reply=reply.id))

    def stop(self) -> None:
        """Stop the oldest reply that is not finished; withdraw what the server has not taken."""
        with self._lock:
            ask = self._asks.first
            turn = self._view.conversation.unanswered()
            if turn:
                self._to_stop.add(turn.id)
                self._send_stop(turn.id)
            elif ask and ask.sent and not self._view.postponed:
                self._to_stop.add(ask.id)
            elif ask:
                self._withdraw(ask)
        self._on_change()

    def _withdraw(self, ask: Ask) -> None:
        self._asks.take(ask.id)
        if ask.sent:  # it may have been taken though the answer was another
            self._to_stop.add(ask.id)
        said = "Your message is withdrawn." if ask.sent else "Your message was not sent."
        self._say_refused(ask.id, said)

    def _ask(self, ask: Ask) -> str:
        with self._lock:
            if self._view.state == "ended":
                raise Failed(self._view.why)
            if self._asks.full:
                raise Failed("Too much is waiting to be sent already.")
            refused = {key: said for key, said in self._view.refused.items() if key != ask.id}
            self._show(refused=refused)
            self._to_stop.discard(ask.id)
            self._asks.add(ask)
            if self._asks.first is ask:
                self._renew_postponed()
                self._send_first()
        return ask.id

    def _show(self, **changes: Any) -> None:
        self._view = replace(self._view, **changes)

    def _say_refused(self, ask_id: str, why: str) -> None:
        self._show(refused={**self._view.refused, ask_id: why})

    # The connection's own thread

    def _run(self) -> None:
        tries, why = 0, "The connection has ended."
        try:
            while not self._closed.is_set():
                began = time.monotonic()
                try:
                    self._follow()
                except SilentError as error:
                    self._lose(str(error))
                    tries = 0
                    continue  # at once: nobody hammers who has waited for an answer first
                except LostError as error:
                    self._lose(str(error))
                tries = tries + 1 if time.monotonic() - began < STEADY else 1
                self._closed.wait(pause(tries))
        except Failed as error:
            why = str(error)
        finally:  # whatever happens here, nobody waits for this thread any more
            with self._lock:
                self._show(state="ended", why=why)
            self._on_change()

    def _follow(self) -> None:
        """Open the connection and fold what comes until it is cut.

        Raises:
            LostError: It was cut, or frames were.
            Failed: The session has ended, or the server speaks otherwise.
        """
        link = Link(self._url, self._token)
        try:
            while True:
                frame = link.receive(lambda: self.look().at_work)
                try:
                    self._fold(frame, link)
                except (GapError, KeyError, TypeError, ValueError) as error:
                    raise LostError from error  # a frame is missing, or against the contract
                self._on_change()
        finally:
            with self._lock:
                self._link = None
            link.close()

    def _lose(self, why: str) -> None:
        with self._lock:
            since = self._view.away_since or time.monotonic()
            self._show(state="lost", why=why, away_since=since)
        self._on_change()

    def _fold(self, frame: dict[str, Any], link: Link) -> None:
        with self._lock:
            kind = frame["type"]
            self._show(conversation=fold(self._view.conversation, frame))
            if kind == "message" and frame["id"] in self._to_stop:
                self._send_stops()
            if kind == "history":
                self._come_in(link)
            elif kind == "ack":
                self._confirm(frame["id"])
            elif kind == "error" and "id" in frame:
                self._refuse(frame)

    def _come_in(self, link: Link) -> None:
        self._link = link
        self._show(state="open", why="", away_since=None, known=True)
        self._asks.compare(self._view.conversation)
        if not self._asks.first:
            self._show(postponed=None)
        self._send_stops()
        self._send_first()

    def _confirm(self, message_id: str) -> None:
        ask = self._asks.take(message_id)
        turn = self._view.conversation.turn(message_id)
        old = turn.reply.id if turn and turn.reply else None
        if ask and ask.frame["type"] == "retry" and old == ask.old_reply:
            self._show(conversation=self._view.conversation.without_reply(message_id))
        self._go_on()

    def _refuse(self, frame: dict[str, Any]) -> None:
        if frame["code"] in _TRY_AGAIN:
            self._postpone(frame)
            return
        if self._asks.take(frame["id"]):
            self._to_stop.discard(frame["id"])
            self._say_refused(frame["id"], frame["msg"])
            self._go_on()

    def _postpone(self, frame: dict[str, Any]) -> None:
        """Leave the server alone for a while, and send what it refused again then."""
        ask = self._asks.first
        if frame["id"] not in self._to_stop and not (ask and ask.id == frame["id"]):
            return  # it is withdrawn
        self._refusals += 1
        seconds = busy_pause(self._refusals, frame.get("retry_after"))
        if self._resend:
            self._resend.cancel()
        self._resend_at = time.monotonic() + seconds
        self._resend = threading.Timer(seconds, self._send_again)
        self._resend.daemon = True
        self._resend.start()
        before = self._view.postponed
        if before is None or before.code != frame["code"]:
            self._show(postponed=Postponed(frame["code"], math.ceil(seconds)))

    def _renew_postponed(self) -> None:
        """Have what is shown of the pause be right for a message that comes in its middle."""
        postponed = self._view.postponed if self._resend else None
        if postponed:
            left = math.ceil(self._resend_at - time.monotonic())
            postponed = replace(postponed, seconds=max(1, left))
        self._show(postponed=postponed)

    def _go_on(self) -> None:
        """Send what waits, since the server takes messages."""
        if self._resend:
            self._resend.cancel()
            self._resend = None
        self._refusals = 0
        self._show(postponed=None)
        self._send_stops()
        self._send_first()

    # Sending; what cannot be sent now is sent when the connection is back

    def _send_first(self) -> None:
        ask = self._asks.first
        if ask and self._link and not self._resend:
            ask.sent = True
            self._link.send(ask.frame)

    def _send_again(self) -> None:
        with self._lock:
            self._resend = None
            self._send_stops()
            self._send_first()

    def _send_stops(self) -> None:
        for message_id in self._to_stop - set(self._asks.ids):
            turn = self._view.conversation.turn(message_id)
            if turn and not turn.answered:
                self._send_stop(message_id)
            elif turn:
                self._to_stop.discard(message_id)

    def _send_stop(self, message_id: str) -> None:
        if self._link:
            self._link.send({"type": "stop", "id": message_id})
