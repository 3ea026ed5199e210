"""The command line of `python -m terminal`: a chat at a prompt, or one message from a pipe."""

from __future__ import annotations

import getpass
import io
import sys
from collections.abc import Callable
from pathlib import Path

import click

from terminal.errors import Failed
from terminal.http_client import check_url, create_session, is_alive
from terminal.interactive import InteractiveChat
from terminal.pipe import INTERRUPTED, read_message, send_once
from terminal.session_client import SessionClient
from terminal.silence import notice_if_slow
from terminal.styles import clean
from terminal.token_file import TokenFile


@click.command("chat")
@click.option("--name", help="Your name. Default: your login name.")
@click.option(
    "--url", default="http://127.0.0.1:3500", show_default=True, help="The address of the chat."
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="Continue the chat whose token is in FILE, and save the token of a new chat there.",
)
def chat(name: str | None, url: str, token_file: Path | None) -> None:
    """Chat in the terminal.

    If standard input is a pipe, it is sent as one message, and the reply is printed.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def open_chat(token: str, on_change: Callable[[], None]) -> SessionClient:
        client = SessionClient(url, token, on_change)
        client.start()
        return client

    def open_new(on_change: Callable[[], None]) -> SessionClient:
        with notice_if_slow(f"Still waiting for the chat at {url}."):
            token = create_session(url, name or _login_name())
        if file:
            file.save(token)
        return open_chat(token, on_change)

    def open_first(on_change: Callable[[], None]) -> SessionClient:
        token = file.load() if file else None
        with notice_if_slow(f"Still waiting for the chat at {url}."):
            alive = token and is_alive(url, token)
        if token and alive:
            return open_chat(token, on_change)
        if token:
            click.echo(f"The chat of {token_file} has ended. This is a new one.", err=True)
        return open_new(on_change)

    try:
        url = check_url(url)
        file = TokenFile(token_file) if token_file else None
        if all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout)):
            InteractiveChat(open_first, open_new).run()
        else:
            sys.exit(send_once(open_first, read_message()))
    except Failed as error:
        raise click.ClickException(clean(str(error))) from None
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # the user has no name in some containers
        return "You"
