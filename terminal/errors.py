"""The errors of the client: those that a new connection solves, and the one that it does not."""

from __future__ import annotations


class Failed(Exception):
    """A command failed for good. The message is a sentence for the person."""


class ConnectionLostError(Exception):
    """There is no connection any more, or none was made; the message is a sentence or empty."""


class ConnectionSilentError(ConnectionLostError):
    """Nothing came for so long that the connection counts as dead."""
