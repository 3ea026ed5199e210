"""A conversation as a Markdown file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from terminal.conversation import Conversation
from terminal.errors import Failed


def markdown(conversation: Conversation) -> str:
    """Return the conversation as Markdown, with the times of the server."""
    parts = [f"# A chat with {conversation.name}", f"Begun {conversation.session_start}"]
    for turn in conversation.turns:
        parts += [f"**{conversation.name}** ({turn.timestamp})", turn.msg]
        if turn.reply:
            ended = turn.reply.status if turn.reply.finished else "unfinished"
            state = "" if ended == "done" else f", {ended}"
            when = turn.reply.timestamp
            parts += [f"**Bot** ({when}{state})" if when else f"**Bot**{state}", turn.reply.msg]
    return "\n\n".join(part for part in parts if part) + "\n"


def export(conversation: Conversation, path: Path | None = None) -> Path:
    """Write the conversation to a new file, by default in this folder; return its path.

    Raises:
        Failed: The file is there already or cannot be written.
    """
    path = path or Path(f"chat-{datetime.now():%Y-%m-%d-%H%M%S}.md")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(markdown(conversation))
    except FileExistsError:
        raise Failed(f"{path} is there already; name another file.") from None
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from None
    return path
