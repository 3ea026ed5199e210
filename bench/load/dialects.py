"""The protocol of each system's WebSocket. One object per WebSocket."""

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

    has_sessions = False  # whether a WebSocket needs a token
    greeted = True  # whether the server has sent its first frame
    acknowledged = 0  # messages

    def __init__(self, token: str) -> None:
        self.token = token

    path = "/chat"
    subprotocols = ""

    def ask(self, message_id: str, text: str) -> str:
        return json.dumps({"id": message_id, "msg": text})

    def read(self, payload: bytes) -> tuple[str, list[Piece]]:
        """Return an immediate answer, "" for none, and the parts of replies in a message."""
        frame = json.loads(payload)
        whole = "msg" in frame
        text = frame["msg"] if whole else frame.get("text", "")
        return "", [Piece(frame["id"], text, whole or "end" in frame)]


class Tutorial(Dialect):
    """The tutorial: the token is in the URL."""

    has_sessions = True

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.path = f"/chat?token={token}"


class Events(Dialect):
    """This project: ``chat.events.v1``."""

    has_sessions = True

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.subprotocols = f"chat.events.v1, bearer.{token}"
        self.greeted = False
        self._received: dict[str, list[str]] = {}  # reply id -> the message's id, then its texts

    def ask(self, message_id: str, text: str) -> str:
        return json.dumps({"type": "message", "id": message_id, "msg": text})

    def read(self, payload: bytes) -> tuple[str, list[Piece]]:
        frame = json.loads(payload)
        kind = frame["type"]
        if kind == "delta":
            received = self._received[frame["id"]]
            if len(received) - 1 != frame["n"]:
                raise Torn(f"delta {frame['n']} after {len(received) - 1}")
            received.append(frame["text"])
            return "", [Piece(received[0], frame["text"])]
        if kind == "start":
            self._received[frame["id"]] = [frame["reply_to"]]
        elif kind == "message" and "reply_to" in frame:
            received = self._received.pop(frame["id"], [])[1:]
            if received and "".join(received) != frame["msg"]:
                raise Torn(f"the deltas give {''.join(received)!r}, the message {frame['msg']!r}")
            return "", [Piece(frame["reply_to"], "" if received else frame["msg"], True)]
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
    """Flask-SocketIO, over WebSocket alone: Engine.IO's and Socket.IO's packets are text."""

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
