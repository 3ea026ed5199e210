"""The connection of a client: it follows the session, comes back when it is cut, and sends on."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import websocket

from web.terminal.asks import Ask, Asks
from web.terminal.conversation import Conversation, GapError, fold
from web.terminal.errors import Failed

EVENTS = "chat.events.v1"
LARGEST_FRAME = 64 * 1024  # bytes, the contract's bound

CONNECT_WITHIN = 10.0  # seconds
SILENCE = 60.0  # seconds; the server pings every 25, so that a longer one is a dead connection
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds before another try
STEADY = 5.0  # seconds that a connection must have lasted for the pauses to begin small again
BUSY_PAUSE = 2.0  # seconds, where the server does not say how long

_TRY_AGAIN = ("busy", "rate_limited")
_EXPIRED = 1008
_GOOD_BYE = (1000).to_bytes(2, "big")


@dataclass(frozen=True)
class View:
    """What there is to show at one moment."""

    conversation: Conversation = field(default_factory=Conversation)
    state: Literal["connecting", "open", "lost", "ended"] = "connecting"
    why: str = ""  # a sentence, where the connection has ended
    waiting: tuple[str, ...] = ()  # the ids of what is still to be confirmed
    refused: tuple[tuple[str, str], ...] = ()  # ids and what to say about each
    away_since: float | None = None  # seconds of the monotonic clock, None while it is open
    known: bool = False  # whether there has been a history yet

    @property
    def at_work(self) -> bool:
        """Whether something is on its way to the person or from there."""
        if self.state == "ended":
            return False
        return not self.known or bool(self.waiting) or self.conversation.unanswered() is not None


class _LostError(Exception):
    """The connection is gone, or did not come about."""


class Connection:
    """A session followed over ``chat.events.v1``. Any thread may call it.

    ``on_change`` is called from a thread of the connection whenever `look` would show more.
    """

    def __init__(self, url: str, token: str, on_change: Callable[[], None]) -> None:
        self._address = "ws" + url.removeprefix("http") + "/chat"
        self._token = token
        self._on_change = on_change
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._socket: websocket.WebSocket | None = None  # while the history stands
        self._resend: threading.Timer | None = None
        self._asks = Asks()
        self._to_stop: set[str] = set()
        self._conversation = Conversation()
        self._state: Literal["connecting", "open", "lost", "ended"] = "connecting"
        self._why = ""
        self._known = False
        self._away_since: float | None = time.monotonic()
        self._refused: dict[str, str] = {}
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
            if self._socket:
                _hang_up(self._socket)
                self._socket = None

    def look(self) -> View:
        """Return what there is to show now."""
        with self._lock:
            return View(
                self._conversation,
                self._state,
                self._why,
                self._asks.ids,
                tuple(self._refused.items()),
                self._away_since,
                self._known,
            )

    def say(self, text: str) -> str:
        """Send a message, once all before it are confirmed; return its id.

        Raises:
            Failed: It is blank or too long, or too many wait already.
        """
        text = text.encode(errors="replace").decode().strip()  # half characters come from no key
        frame = {"type": "message", "id": str(uuid.uuid4()), "msg": text}
        if not text:
            raise Failed("There is nothing to say.")
        if len(_encode(frame).encode()) > LARGEST_FRAME:
            raise Failed("That message is too long.")
        return self._ask(Ask(frame))

    def retry(self) -> str:
        """Have the last message answered again; return its id.

        Raises:
            Failed: There is none, it is not answered yet, or too many asks wait already.
        """
        with self._lock:
            turns = self._conversation.turns
            if not turns:
                raise Failed("There is no message yet to answer again.")
            reply = turns[-1].reply
            if reply is None or not reply.finished:
                raise Failed("The last message is still to be answered.")
            return self._ask(Ask({"type": "retry", "id": turns[-1].id}, old_reply=reply.id))

    def stop(self) -> None:
        """Stop the oldest reply that is not finished; withdraw what was never sent."""
        with self._lock:
            ask = self._asks.first
            turn = self._conversation.unanswered()
            if turn:
                self._to_stop.add(turn.id)
                self._send_stop(turn.id)
            elif ask and ask.sent:
                self._to_stop.add(ask.id)
            elif ask:
                self._asks.take(ask.id)
                self._refused[ask.id] = "Your message was not sent."
        self._on_change()

    def _ask(self, ask: Ask) -> str:
        with self._lock:
            if self._asks.full:
                raise Failed("Too much is waiting to be sent already.")
            self._refused.pop(ask.id, None)
            self._to_stop.discard(ask.id)
            self._asks.add(ask)
            if self._asks.first is ask:
                self._send_first()
        return ask.id

    # The connection's own thread

    def _run(self) -> None:
        tries = 0
        try:
            while not self._closed.is_set():
                began = time.monotonic()
                try:
                    self._follow()
                except _LostError:
                    self._lose()
                except Failed as error:
                    self._why = str(error)
                    return
                tries = tries + 1 if time.monotonic() - began < STEADY else 1
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1))
                self._closed.wait(pause * random.uniform(0.5, 1))
        finally:  # whatever happens here, nobody waits for this thread any more
            with self._lock:
                self._state = "ended"
                self._why = self._why or "The connection has ended."
                self._socket = None
            self._on_change()

    def _follow(self) -> None:
        """Open the connection and fold what comes until it is cut.

        Raises:
            _LostError: It was cut, or frames were.
            Failed: The session has ended, or the server speaks otherwise.
        """
        link = self._connect()
        try:
            while True:
                opcode, data = link.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    if int.from_bytes(data[:2], "big") == _EXPIRED:
                        raise Failed("This chat has expired or was erased.")
                    raise _LostError
                self._fold(json.loads(data), link)
                self._on_change()
        except (OSError, websocket.WebSocketException, GapError) as error:
            raise _LostError from error
        except (KeyError, TypeError, ValueError) as error:  # a frame against the contract
            raise _LostError from error
        finally:
            with self._lock:
                self._socket = None
            _hang_up(link)
            link.shutdown()

    def _connect(self) -> websocket.WebSocket:
        try:
            link = websocket.create_connection(
                self._address,
                timeout=CONNECT_WITHIN,
                subprotocols=[EVENTS, f"bearer.{self._token}"],
                suppress_origin=True,  # this is no browser
                redirect_limit=0,  # the token is for this server alone
            )
        except websocket.WebSocketBadStatusException as error:
            if error.status_code == 403:
                raise Failed("This chat has expired or was erased.") from None
            raise _LostError from error
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise _LostError from error
        if link.subprotocol != EVENTS:
            link.shutdown()
            raise Failed(f"The server does not speak {EVENTS}.")
        link.settimeout(SILENCE)
        return link

    def _lose(self) -> None:
        with self._lock:
            self._state = "lost"
            if self._away_since is None:
                self._away_since = time.monotonic()
        self._on_change()

    def _fold(self, frame: dict[str, Any], link: websocket.WebSocket) -> None:
        with self._lock:
            kind = frame["type"]
            self._conversation = fold(self._conversation, frame)
            if kind == "history":
                self._come_in(link)
            elif kind == "ack":
                self._confirm(frame["id"])
            elif kind == "error" and "id" in frame:
                self._refuse(frame)

    def _come_in(self, link: websocket.WebSocket) -> None:
        self._socket, self._state, self._away_since, self._known = link, "open", None, True
        self._asks.compare(self._conversation)
        for message_id in self._to_stop.copy():
            turn = self._conversation.turn(message_id)
            if turn and not turn.answered:
                self._send_stop(message_id)
            elif turn:
                self._to_stop.discard(message_id)
        self._send_first()

    def _confirm(self, message_id: str) -> None:
        ask = self._asks.take(message_id)
        turn = self._conversation.turn(message_id)
        old = turn.reply.id if turn and turn.reply else None
        if ask and ask.frame["type"] == "retry" and old == ask.old_reply:
            self._conversation = self._conversation.without_reply(message_id)
        if message_id in self._to_stop:
            self._send_stop(message_id)
        self._send_first()

    def _refuse(self, frame: dict[str, Any]) -> None:
        if frame["code"] in _TRY_AGAIN:
            pause = min(float(frame.get("retry_after") or BUSY_PAUSE), SILENCE)
            self._resend = threading.Timer(pause, self._send_again, [frame["id"]])
            self._resend.daemon = True
            self._resend.start()
            return
        if self._asks.take(frame["id"]):
            self._to_stop.discard(frame["id"])
            self._refused[frame["id"]] = frame["msg"]
        self._send_first()

    # Sending; what cannot be sent now is sent when the connection is back

    def _send_first(self) -> None:
        with self._lock:
            ask = self._asks.first
            if ask and self._socket:
                ask.sent = True
                self._send(ask.frame)

    def _send_again(self, ask_id: str) -> None:
        with self._lock:
            if self._asks.first and self._asks.first.id == ask_id:
                self._send_first()

    def _send_stop(self, message_id: str) -> None:
        self._send({"type": "stop", "id": message_id})

    def _send(self, frame: dict[str, Any]) -> None:
        if self._socket:
            try:
                self._socket.send(_encode(frame))
            except (OSError, websocket.WebSocketException):
                self._socket.abort()  # who reads finds out


def _encode(frame: dict[str, Any]) -> str:
    return json.dumps(frame, ensure_ascii=False)


def _hang_up(link: websocket.WebSocket) -> None:
    """Say good-bye as far as that is possible, and wake who reads."""
    try:
        link.send(_GOOD_BYE, websocket.ABNF.OPCODE_CLOSE)  # `close` would wait for an answer
        link.abort()
    except (OSError, websocket.WebSocketException):
        pass  # it is gone already
