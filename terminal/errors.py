"""The errors of the client: `Failed` is final, the others lead to a new connection."""

from __future__ import annotations


class Failed(Exception):
    """A command failed for good. The message is a sentence for the person."""


class ConnectionLostError(Exception):
    """There is no connection any more, or none was made; the message is a sentence or empty."""


class ConnectionSilentError(ConnectionLostError):
    """Nothing arrived for so long that the connection counts as dead."""
