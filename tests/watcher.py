"""Another client of a simulated user's session, which only reads, and must get all of it."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

import websocket

from tests.clients import Events, Plain, TornError, history
from tests.reply_texts import ReplyTexts
from tests.simulated_users import BACK_OFF, CONNECTION_ERRORS, User

PATIENCE = 20.0  # seconds until it must have the last reply
_GLANCE = 1.0  # seconds between two looks for the end


class Watcher(threading.Thread):
    """Reads in events mode, or in plain mode, over one connection after the other."""

    def __init__(self, user: User, token: str, texts: ReplyTexts) -> None:
        super().__init__(daemon=True)
        self._user, self._token, self._texts = user, token, ReplyTexts(texts)
        self._is_plain = user.number % 2 == 0
        self._events: Events | None = None
        self._finished = threading.Event()

    def run(self) -> None:
        while not self._finished.is_set():
            try:
                if self._is_plain:
                    self._read_plain()
                else:
                    self._read_events()
            except (*CONNECTION_ERRORS, ValueError):
                time.sleep(BACK_OFF)
            except TornError as torn:
                self._user.outcome.torn.append(f"watching {self._token}: {torn}")
                time.sleep(BACK_OFF)

    def _read_events(self) -> None:
        self._events = reconnected(self._user, self._token, self._events)
        self._events.socket.settimeout(_GLANCE)
        while not self._finished.is_set():
            with suppress(websocket.WebSocketTimeoutException):
                self._texts.check_frame(self._events, self._events.frame())

    def _read_plain(self) -> None:
        plain = Plain(self._user.random_url().replace("http", "ws") + "/chat", self._token)
        plain.socket.settimeout(_GLANCE)
        seen: set[tuple[str, str]] = set()
        while not self._finished.is_set():
            with suppress(websocket.WebSocketTimeoutException):
                reply = plain.reply()
                if not self._texts.is_beginning(reply["msg"]):
                    raise TornError(f"in plain mode: {reply}")
                # A reply that was continued may end with the same text again.
                if (reply["id"], reply["msg"]) in seen and not self._texts.continued:
                    self._user.outcome.duplicated.append(f"watching {self._token}: {reply}")
                seen.add((reply["id"], reply["msg"]))

    def finish(self) -> None:
        """End. In events mode the replies that were received must be those of the history."""
        deadline = time.monotonic() + PATIENCE
        stored = _ends(self._user.retried(lambda url: history(url, self._token)))
        while not self._is_plain and self._seen() != stored and time.monotonic() < deadline:
            time.sleep(BACK_OFF)
        self._finished.set()
        if not self._is_plain and (seen := self._seen()) != stored:
            self._user.outcome.torn.append(f"watching {self._token}: {seen} is not {stored}")

    def _seen(self) -> list[tuple[str, str, str]]:
        return _ends(list(self._events.messages.values())) if self._events else []


def reconnected(user: User, token: str, client: Events | None) -> Events:
    """Return a client in events mode, the same one if there is one, at any web process."""

    def connect(url: str) -> Events:
        ws = url.replace("http", "ws") + "/chat"
        if client is None:
            return Events(ws, token)
        client.reconnect(ws)
        return client

    connected: Events = user.retried(connect)
    return connected


def _ends(messages: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    replies = [m for m in messages if "reply_to" in m]
    return sorted((m["id"], m["msg"].removeprefix("Bot: "), m["status"]) for m in replies)
