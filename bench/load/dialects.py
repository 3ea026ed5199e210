"""What each system's socket speaks. One object a socket."""

from __future__ import annotations

import json
from typing import NamedTuple


class Piece(NamedTuple):
    """A part of a reply."""

    message_id: str  # of the message that is answered
    text: str
    ended: bool = False
    error: str = ""


class Torn(Exception):
    """The deltas of a reply do not add up to its text."""


class Dialect:
    """The peers that answer with one JSON object: ``{"id", "msg"}``, or texts and an ``end``."""

    has_sessions = False  # whether a socket needs a token
    greeted = True  # whether the server has said what it says first
    acknowledged = 0  # messages

    def __init__(self, token: str) -> None:
        self.token = token

    path = "/chat"
    subprotocols = ""

    def ask(self, message_id: str, text: str) -> str:
        return json.dumps({"id": message_id, "msg": text})

    def read(self, payload: bytes) -> tuple[str, list[Piece]]:
        """Return what to send at once, if anything, and the parts of replies in a message."""
        frame = json.loads(payload)
        whole = "msg" in frame
        text = frame["msg"] if whole else frame.get("text", "")
        return "", [Piece(frame["id"], text, whole or "end" in frame)]


class Tutorial(Dialect):
    """The tutorial's: the token is in the URL."""

    has_sessions = True

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.path = f"/chat?token={token}"


class Events(Dialect):
    """Ours: ``chat.events.v1``."""

    has_sessions = True

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.subprotocols = f"chat.events.v1, bearer.{token}"
        self.greeted = False
        self._said: dict[str, list[str]] = {}  # reply id -> the message's id, then its texts

    def ask(self, message_id: str, text: str) -> str:
        return json.dumps({"type": "message", "id": message_id, "msg": text})

    def read(self, payload: bytes) -> tuple[str, list[Piece]]:
        frame = json.loads(payload)
        kind = frame["type"]
        if kind == "delta":
            said = self._said[frame["id"]]
            if len(said) - 1 != frame["n"]:
                raise Torn(f"delta {frame['n']} after {len(said) - 1}")
            said.append(frame["text"])
            return "", [Piece(said[0], frame["text"])]
        if kind == "start":
            self._said[frame["id"]] = [frame["reply_to"]]
        elif kind == "message" and "reply_to" in frame:
            said = self._said.pop(frame["id"], [])[1:]
            if said and "".join(said) != frame["msg"]:
                raise Torn(f"the deltas give {''.join(said)!r}, the message {frame['msg']!r}")
            return "", [Piece(frame["reply_to"], "" if said else frame["msg"], True)]
        elif kind == "ack":
            self.acknowledged += 1
        elif kind == "error":
            message_id = frame.get("reply_to") or frame.get("id") or ""
            return "", [Piece(message_id, "", True, frame["code"])]
        elif kind == "history":
            if self.greeted:
                raise Torn("the history came again: frames were missed")
            self.greeted = True
        return "", []


class SocketIO(Dialect):
    """Flask-SocketIO's, over WebSocket alone: Engine.IO's and Socket.IO's packets are text."""

    path = "/socket.io/?EIO=4&transport=websocket"

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.greeted = False

    def ask(self, message_id: str, text: str) -> str:
        return "42" + json.dumps(["message", {"id": message_id, "msg": text}])

    def read(self, payload: bytes) -> tuple[str, list[Piece]]:
        if payload.startswith(b"42"):
            _, frame = json.loads(payload[2:])
            return "", [Piece(frame["id"], frame["msg"], True)]
        if payload.startswith(b"40"):
            self.greeted = True
        elif payload.startswith(b"0"):  # opened: connect to the namespace
            return "40", []
        elif payload == b"2":  # ping
            return "3", []
        return "", []


DIALECTS: dict[str, type[Dialect]] = {
    "events": Events,
    "json": Dialect,
    "tutorial": Tutorial,
    "socketio": SocketIO,
}
