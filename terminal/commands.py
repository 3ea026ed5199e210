"""The commands that a person can type at the prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from terminal.errors import Failed
from terminal.export import export
from terminal.session_client import SessionClient
from terminal.styles import notice

HELP = """\
/retry          answer the last message again
/continue       go on with the last reply, if it was cut or stopped
/edit [TEXT]    change the last message and have it answered again
/new            start a new chat
/export [FILE]  write this chat to a Markdown file
/quit           leave, like Ctrl-D, or Ctrl-C twice
Ctrl-C stops a reply. To send a message that starts with a slash, type two slashes."""


class Leave(Exception):
    """The person leaves the chat."""


def execute(
    line: str,
    client: SessionClient,
    send_message: Callable[[str], None],
    edit_message: Callable[[str], None],
    open_new_chat: Callable[[], None],
) -> str:
    """Run the command in a line, or send the line as a message. Return the text to print.

    Raises:
        Failed: The command is unknown or failed, or the message cannot be sent.
        Leave: The person leaves the chat.
    """
    command, _, argument = line.strip().partition(" ")
    argument = argument.strip()
    match command:
        case "":
            return ""
        case "/help":
            return f"{HELP}\n"
        case "/quit":
            raise Leave
        case "/retry":
            client.retry()
            return ""
        case "/continue":
            client.continue_reply()
            return ""
        case "/edit":
            edit_message(argument)
            return ""
        case "/new":
            open_new_chat()
            return notice("A new chat.")
        case "/export":
            path = Path(argument).expanduser() if argument else None
            written = export(client.snapshot().conversation, path)
            return notice(f"Written to {written}.")
        case _ if command.startswith("/") and not command.startswith("//"):
            raise Failed(f"{command} is not a command. /help lists the commands.")
    send_message(line.strip().removeprefix("/"))
    return ""
