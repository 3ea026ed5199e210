"""An error that a retry does not solve."""

from __future__ import annotations


class Failed(Exception):
    """A command failed for good. The message is a sentence for the person."""
