"""A conversation as a Markdown file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from terminal.conversation import Conversation
from terminal.errors import Failed


def markdown(conversation: Conversation) -> str:
    """Return the conversation as Markdown, with the server's timestamps."""
    parts = [f"# A chat with {conversation.name}", f"Started {conversation.session_start}"]
    for exchange in conversation.exchanges:
        parts += [f"**{conversation.name}** ({exchange.timestamp})", exchange.msg]
        reply = exchange.reply
        if reply:
            status = reply.status if reply.finished else "unfinished"
            suffix = "" if status == "done" else f", {status}"
            when = reply.timestamp
            parts += [f"**Bot** ({when}{suffix})" if when else f"**Bot**{suffix}", reply.msg]
    return "\n\n".join(part for part in parts if part) + "\n"


def export(conversation: Conversation, path: Path | None = None) -> Path:
    """Write the conversation to a new file; return its path.

    ``path`` is by default a name with the date and time, in the current directory.

    Raises:
        Failed: The file exists already or cannot be written.
    """
    path = path or Path(f"chat-{datetime.now():%Y-%m-%d-%H%M%S}.md")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(markdown(conversation))
    except FileExistsError:
        raise Failed(f"{path} already exists. Choose another file.") from None
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from None
    return path
