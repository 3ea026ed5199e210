"""A session that was recorded from a real server. The page's tests use the same recording."""

from __future__ import annotations

import json
from typing import Any

from tests.processes import ROOT

FRAMES: list[dict[str, Any]] = json.loads((ROOT / "client/tests/recorded/session.json").read_text())
POINTS = range(1, len(FRAMES) + 1)
_MESSAGES = {frame["id"]: frame for frame in FRAMES if frame.get("source") == "human"}


def history_after(count: int) -> dict[str, Any]:
    """Return the history that the server would send after the first ``count`` frames."""
    messages: dict[str, dict[str, Any]] = {}
    replies: dict[str, dict[str, Any]] = {}  # by message id
    for frame in FRAMES[:count]:
        match frame:
            case {"type": "ack", "id": message_id}:
                messages[message_id] = _MESSAGES[message_id]
                replies.pop(message_id, None)  # an `ack` of an answered message confirms a retry
            case {"type": "message", "source": "bot"}:
                replies[frame["reply_to"]] = frame
            case {"type": "start"}:
                empty = {"source": "bot", "msg": "", "timestamp": "", "status": "streaming", "n": 0}
                replies[frame["reply_to"]] = frame | empty
            case {"type": "delta"}:
                reply = next(r for r in replies.values() if r["id"] == frame["id"])
                reply |= {"msg": reply["msg"] + frame["text"], "n": frame["n"] + 1}
    both = [m for key, message in messages.items() for m in (message, replies.get(key)) if m]
    return {"type": "history", "session": FRAMES[0]["session"], "messages": both}
