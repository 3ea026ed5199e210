"""Why the chat cannot be started here."""


class CannotStart(Exception):
    """What is in the way, and what to do about it, in one sentence for the person who starts it."""
