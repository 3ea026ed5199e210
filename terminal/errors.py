"""The exception that ends what the person asked for."""

from __future__ import annotations


class Failed(Exception):
    """An error that trying again does not solve; its message is a sentence for the person."""
