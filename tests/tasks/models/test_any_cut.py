"""The text of an answer does not depend on the chunks and events that it arrives in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.errors import ModelRefused
from tasks.models.answer import Answer
from tasks.models.failures import TransientError
from tasks.models.reasoning import ThinkTags
from tasks.models.reply_items import Restart
from tests.tasks.models.test_public_streams import (
    DONE,
    STREAMS,
    Stream,
    data,
    delta,
    text,
    token,
)


class Chunks:
    """Stands for a `Response` whose body arrives in these chunks."""

    has_length = True
    about_to_end = False
    patience: float | None = None

    def __init__(self, body: bytes, cuts: Sequence[int]) -> None:
        places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
        self._chunks = [body[start:end] for start, end in pairwise(places)]

    def chunks(self) -> Iterator[bytes]:
        return iter(self._chunks)


def read(body: bytes, cuts: Sequence[int], prompt: str = "") -> tuple[str, str]:
    """Return the text of an answer whose body arrives in chunks, and how it finished."""
    answer = Answer(Chunks(body, cuts), (prompt, ""))  # type: ignore[arg-type]
    whole = ""
    for item in answer.items():
        if isinstance(item, Restart):
            whole = ""
        elif isinstance(item, str):
            whole += item
    return whole.strip(), answer.finish


CUTS = st.lists(st.integers(0, 100_000), max_size=12)


@given(st.sampled_from(STREAMS), CUTS)
@settings(max_examples=600, deadline=None)
def test_any_cut_of_a_public_stream_gives_the_same_text(stream: Stream, cuts):
    body = stream.body if isinstance(stream.body, bytes) else json.dumps(stream.body).encode()
    prompt = "Human: hello Bot:"
    assert read(body, cuts, prompt) == read(body, [], prompt)


PIECES = ["<think>", "</think>", "<th", "ink>", "</", "\n", " ", "a", "é", "😀", "\u2028", "<"]
texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=10).map("".join)


def body_of(protocol: str, parts: Sequence[str]) -> bytes:
    if protocol == "hugging face":
        return data(*map(token, parts), prefix="data:")
    make = text if protocol == "completions" else delta
    raw = data(*[json.dumps(make(part), ensure_ascii=False) for part in parts], DONE)
    return raw if protocol == "completions" else raw.replace(b"\n\n", b"\r\n\r\n")


def outcome(body: bytes, cuts: Sequence[int]) -> tuple[str, str]:
    try:
        return read(body, cuts)
    except (ModelRefused, TransientError) as error:  # there is only thinking, or nothing
        return type(error).__name__, ""


@pytest.mark.parametrize("protocol", ["chat", "completions", "hugging face"])
@given(texts, CUTS)
@settings(deadline=None)
def test_any_cut_of_an_answer_gives_the_same_text(protocol, whole, cuts):
    body = body_of(protocol, ["x", whole, "y"])
    assert outcome(body, cuts) == outcome(body, [])


@given(texts, st.lists(st.integers(0, 60), max_size=8))
def test_any_split_of_thinking_and_text_gives_the_same_reply(whole, cuts):
    def taken(parts: Sequence[str]) -> str:
        tags, shown = ThinkTags(), ""
        for part in [*parts, None]:
            more = tags.finish() if part is None else tags.add(part)
            if tags.void and more.strip():
                shown, tags.void = "", False
            shown += more
        return "" if tags.void else shown.strip()

    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    assert taken([whole[a:b] for a, b in pairwise(places)]) == taken([whole])


def test_text_about_tags_is_no_thinking():
    for whole in (
        "Write `</think>` at the end.",
        "First <think>\nthen\n</think>\nand text.",
        "```\n</think>\n```\nis it.",
    ):
        assert read(data(*map(delta, whole)), []) == (whole, "stop")
