"""Joins the fragments of WebSocket messages (RFC 6455, section 5.4)."""

from __future__ import annotations

from wsproto.events import BytesMessage, TextMessage

MAX_MESSAGE_BYTES = 64 * 1024  # of all fragments of a message together


class MessageTooBig(Exception):
    """A message has more than `MAX_MESSAGE_BYTES`."""


class MessageAssembler:
    """Collects the fragments of one message at a time."""

    __slots__ = ("_fragments",)

    def __init__(self) -> None:
        self._fragments = bytearray()

    def add(self, fragment: TextMessage | BytesMessage) -> str | bytes | None:
        """Return the whole message if ``fragment`` is the last one of it, else None.

        Raises:
            MessageTooBig: The fragments so far are too large. They are discarded.
        """
        data = fragment.data.encode() if isinstance(fragment, TextMessage) else fragment.data
        if len(self._fragments) + len(data) > MAX_MESSAGE_BYTES:
            self._fragments.clear()
            raise MessageTooBig
        self._fragments += data
        if not fragment.message_finished:
            return None
        message = bytes(self._fragments)
        self._fragments.clear()
        return message.decode() if isinstance(fragment, TextMessage) else message
