"""The session that the page's tests have recorded from a real server, for the terminal's."""

from __future__ import annotations

import json
from typing import Any

from tests.processes import ROOT

FRAMES: list[dict[str, Any]] = json.loads((ROOT / "client/tests/recorded/session.json").read_text())
POINTS = range(1, len(FRAMES) + 1)
_ASKED = {frame["id"]: frame for frame in FRAMES if frame.get("source") == "human"}


def history_after(count: int) -> dict[str, Any]:
    """Return the history that the server would send after the first ``count`` frames."""
    asked: dict[str, dict[str, Any]] = {}
    replies: dict[str, dict[str, Any]] = {}  # by message
    for frame in FRAMES[:count]:
        match frame:
            case {"type": "ack", "id": message_id}:
                asked[message_id] = _ASKED[message_id]
                replies.pop(message_id, None)  # acknowledged though it was answered: a retry
            case {"type": "message", "source": "bot"}:
                replies[frame["reply_to"]] = frame
            case {"type": "start"}:
                begun = {"source": "bot", "msg": "", "timestamp": "", "status": "streaming", "n": 0}
                replies[frame["reply_to"]] = frame | begun
            case {"type": "delta"}:
                reply = next(r for r in replies.values() if r["id"] == frame["id"])
                reply |= {"msg": reply["msg"] + frame["text"], "n": frame["n"] + 1}
    messages = [m for one in asked.values() for m in (one, replies.get(one["id"])) if m]
    return {"type": "history", "session": FRAMES[0]["session"], "messages": messages}
