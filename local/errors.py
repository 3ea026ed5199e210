"""The error of `make run` when it cannot start."""


class CannotStart(Exception):
    """The chat cannot start here; the message gives the reason and the remedy in one sentence."""
