"""The error of a start that is not possible."""


class CannotStart(Exception):
    """The chat cannot start here; the message gives the reason and the remedy in one sentence."""
