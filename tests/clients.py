"""Clients for tests, with a WebSocket library that shares no code with the server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import requests
import websocket

PATIENCE = 30.0  # seconds for one frame


def open_websocket(url: str, timeout: float = PATIENCE, **options: Any) -> websocket.WebSocket:
    """Open a WebSocket with the library websocket-client. ``options`` are the library's.

    Its own check of UTF-8 is a loop in Python that takes seconds for 8 MB, and the server closes
    slow clients. So `recv` checks text when it decodes it; a caller of `recv_data` has to.
    """
    return websocket.create_connection(url, timeout=timeout, skip_utf8_validation=True, **options)


def begin(url: str, name: str = "Ada") -> str:
    """Create a session; return its token."""
    answer = requests.post(f"{url}/token", params={"name": name}, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token


def history(url: str, token: str) -> list[dict[str, Any]]:
    """Return the session's messages over HTTP."""
    bearer = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{url}/refresh_token", headers=bearer, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    messages: list[dict[str, Any]] = answer.json()["messages"]
    return messages


class Plain:
    """A WebSocket in plain mode, like the tutorial's client."""

    def __init__(self, ws: str, token: str) -> None:
        self.socket = open_websocket(f"{ws}?token={token}")

    def say(self, text: str) -> None:
        self.socket.send(text)

    def reply(self) -> dict[str, Any]:
        """Return the next object that the server sends."""
        reply: dict[str, Any] = json.loads(self.socket.recv())
        return reply

    def close(self) -> None:
        self.socket.close()


class TornError(AssertionError):
    """The frames do not add up to a complete text."""


class Events:
    """A WebSocket in events mode that applies and checks each frame by docs/protocol.md.

    ``messages`` is the conversation as a page would show it: messages by id, in order. It survives
    a `reconnect`, to any web process.
    """

    def __init__(self, ws: str, token: str) -> None:
        self.token = token
        self.messages: dict[str, dict[str, Any]] = {}
        self.frames: list[dict[str, Any]] = []
        self.closed_with: int | None = None  # the server's close code
        self.reconnect(ws)

    def reconnect(self, ws: str) -> None:
        """Open a WebSocket and read the history."""
        self.socket = open_websocket(ws, subprotocols=["chat.events.v1", f"bearer.{self.token}"])
        assert self.socket.subprotocol == "chat.events.v1"
        assert self.frame()["type"] == "history"

    def send(self, **frame: Any) -> None:
        self.socket.send(json.dumps(frame))

    def say(self, text: str, message_id: str | None = None) -> str:
        """Send a message; return its id."""
        message_id = message_id or str(uuid.uuid4())
        self.send(type="message", id=message_id, msg=text)
        return message_id

    def frame(self) -> dict[str, Any]:
        """Return the next frame, after it was applied to ``messages``."""
        opcode, data = self.socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self.closed_with = int.from_bytes(data[:2], "big")
            raise websocket.WebSocketConnectionClosedException(f"with {self.closed_with}")
        frame: dict[str, Any] = json.loads(data.decode())
        self.frames.append(frame)
        getattr(self, f"_on_{frame['type']}", lambda _: None)(frame)
        return frame

    def until(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Read frames until one is ``wanted``; return it."""
        while not wanted(frame := self.frame()):
            pass
        return frame

    def until_type(self, kind: str) -> dict[str, Any]:
        return self.until(lambda frame: frame["type"] == kind)

    def until_answered(self, message_id: str) -> dict[str, Any]:
        """Read frames until the message has its whole reply or an error; return that frame.

        A reply that is already complete in a history is not sent again; it is returned as a frame.
        """

        def answered(frame: dict[str, Any]) -> bool:
            if frame["type"] == "history":
                return (self.reply_to(message_id) or {}).get("status", "streaming") != "streaming"
            return frame["type"] in ("message", "error") and frame.get("reply_to") == message_id

        frame = self.until(answered)
        return frame if frame["type"] != "history" else self.reply_to(message_id) or {}

    def reply_to(self, message_id: str) -> dict[str, Any] | None:
        """Return the reply to a message as received so far."""
        replies = [m for m in self.messages.values() if m.get("reply_to") == message_id]
        assert len(replies) <= 1, replies
        return replies[0] if replies else None

    def cut(self) -> None:
        """Close the connection without a close frame."""
        self.socket.shutdown()

    def close(self) -> None:
        self.socket.close()

    # the rules of docs/protocol.md

    def _on_history(self, frame: dict[str, Any]) -> None:
        self.messages = {message["id"]: message for message in frame["messages"]}

    def _on_message(self, frame: dict[str, Any]) -> None:
        known = self.messages.get(frame["id"])
        if known and known.get("status") == "streaming" and known["msg"] != frame["msg"]:
            raise TornError(f"the deltas are {known['msg']!r}, the message {frame['msg']!r}")
        self._drop_other_reply(frame)
        self.messages[frame["id"]] = frame

    def _drop_other_reply(self, frame: dict[str, Any]) -> None:
        earlier = self.reply_to(frame["reply_to"]) if "reply_to" in frame else None
        if earlier and earlier["id"] != frame["id"]:
            del self.messages[earlier["id"]]

    def _on_start(self, frame: dict[str, Any]) -> None:
        self._drop_other_reply(frame)
        begun = {"msg": "", "n": 0, **frame, "status": "streaming", "source": "bot"}
        self.messages[frame["id"]] = begun

    def _on_delta(self, frame: dict[str, Any]) -> None:
        reply = self.messages.get(frame["id"])
        if reply is None or (reply["status"] == "streaming" and frame["n"] > reply["n"]):
            raise TornError(f"missed the frames before {frame}: {reply}")
        if reply["status"] == "streaming" and frame["n"] == reply["n"]:
            reply["msg"] += frame["text"]
            reply["n"] += 1
