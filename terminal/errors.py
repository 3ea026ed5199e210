"""Why a chat in the terminal cannot go on, each a sentence for the person in front of it."""

from __future__ import annotations


class Failed(Exception):
    """Something that cannot be gone on from; the message is a whole sentence."""
