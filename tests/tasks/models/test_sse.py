"""The events of a stream do not depend on how it is split into chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.sse import events

STREAM = (
    "data: one\n\n: ping\r\n\r\ndata:two\rdata: 2\r\r"
    "event: x\nid: 7\ndata: é\u2028😀\n\ndata: last\n"
)
EXPECTED = ["one", "two\n2", "é\u2028😀", "last"]


@given(st.lists(st.integers(0, len(STREAM.encode())), max_size=10))
def test_any_split_gives_the_same_events(cuts):
    data = STREAM.encode()
    places = sorted({0, len(data), *cuts})
    chunks = [data[start:end] for start, end in pairwise(places)]
    assert [data for data in events(chunks) if data] == EXPECTED


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
def test_an_event_is_yielded_as_soon_as_it_ends(end):
    stream = events(iter([f"data: a{end}".encode(), b"data: b\n\n"]))
    assert next(data for data in stream if data) == "a"


def test_a_chunk_that_completes_no_event_is_told_from_none():
    assert list(events([b"", b"\n\n", b": comment\n\n", b"data: a", b"\n\n"])) == (
        [None, "", "", "", "a"]
    )
