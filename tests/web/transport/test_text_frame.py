"""A text frame is the one that wsproto makes."""

from __future__ import annotations

import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import TextMessage

from web.transport.text_frame import text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 100_000])
def test_a_frame_of_any_size_has_the_bytes_of_wsprotos(size):
    text = "é" * (size // 2) + "x" * (size % 2)
    expected = Connection(ConnectionType.SERVER).send(TextMessage(text))
    assert text_frame(text.encode()) == expected
