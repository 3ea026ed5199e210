"""How a text looks in the terminal: names are bold, notices are dim, nothing controls it."""

from __future__ import annotations

import click

# A terminal obeys control characters, and the texts come from other people and from models.
_CONTROLS = dict.fromkeys((*range(32), 127, *range(128, 160)), "\ufffd")
_CONTROLS |= {ord("\n"): "\n", ord("\t"): "\t", ord("\r"): ""}


def clean(text: str) -> str:
    """Return a text without the control characters that a terminal obeys."""
    return text.translate(_CONTROLS)


def notice(text: str) -> str:
    """Return a line in the client's own words, as opposed to the person's and the bot's."""
    return click.style(f"· {clean(text)}", dim=True) + "\n"


def label(name: str) -> str:
    """Return the name before a message."""
    return click.style(f"{clean(name)}:", bold=True) + " "
