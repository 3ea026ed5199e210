"""``flask --app web chat``: a chat in the terminal, or one reply for a pipe."""

from __future__ import annotations

import getpass
import io
import sys
from collections.abc import Callable
from pathlib import Path

import click


@click.command("chat")
@click.option("--name", help="Who you are; by default the name that you are logged in with.")
@click.option(
    "--url", default="http://127.0.0.1:3500", show_default=True, help="Where the chat is."
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="Go on with the chat whose token FILE keeps; keep it there.",
)
def chat(name: str | None, url: str, token_file: Path | None) -> None:
    """Chat in the terminal.

    A message that is piped in is said as one, and its reply printed.
    """
    # Imported here, since the web process, which carries this command, has no use for them.
    from terminal.connection import Connection
    from terminal.errors import Failed
    from terminal.patience import told_if_slow
    from terminal.pipe import INTERRUPTED, ask_once, read_message
    from terminal.prompt import Prompt
    from terminal.session import TokenFile, begin, check_url, is_alive
    from terminal.transcript import clean

    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def open_chat(token: str, on_change: Callable[[], None]) -> Connection:
        connection = Connection(url, token, on_change)
        connection.start()
        return connection

    def open_new(on_change: Callable[[], None]) -> Connection:
        with told_if_slow(f"Still waiting for the chat at {url}."):
            token = begin(url, name or _login())
        if file:
            file.save(token)
        return open_chat(token, on_change)

    def open_first(on_change: Callable[[], None]) -> Connection:
        token = file.load() if file else None
        with told_if_slow(f"Still waiting for the chat at {url}."):
            alive = token and is_alive(url, token)
        if token and alive:
            return open_chat(token, on_change)
        if token:
            click.echo(f"The chat of {token_file} has ended; this is a new one.", err=True)
        return open_new(on_change)

    try:
        url = check_url(url)
        file = TokenFile(token_file) if token_file else None
        if all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout)):
            Prompt(open_first, open_new).run()
        else:
            sys.exit(ask_once(open_first, read_message()))
    except Failed as error:
        raise click.ClickException(clean(str(error))) from None
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # nobody has a name in some containers
        return "You"
