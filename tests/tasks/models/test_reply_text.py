"""However a model cuts its text into pieces, the reply is the same, and nothing is taken back."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tasks.models.reply_text import STOP, Text

PARTS = [
    "Human:",
    "Human",
    "Hum",
    ":",
    " ",
    "\n",
    "a",
    "bc",
    "😀",
    "\ud83d",
    "\ude00",
    "\u2028",
    "Bot:",
]
texts = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


def whole(text: str) -> str:
    stop = text.find(STOP)
    kept = (text[:stop] if stop >= 0 else text).strip()
    return kept.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@given(texts, st.lists(st.integers(0, 60), max_size=8))
def test_any_split_gives_the_same_text(text, cuts):
    reply = Text()
    places = sorted({0, len(text), *(cut for cut in cuts if cut <= len(text))})
    pieces = [text[start:end] for start, end in pairwise(places)]
    given_out = [reply.add(piece) for piece in pieces]
    given_out.append(reply.end())
    assert "".join(given_out) == reply.said == whole(text)


@given(texts)
def test_what_is_given_out_is_the_beginning_of_the_reply(text):
    reply = Text()
    for character in text:
        reply.add(character)
        assert whole(text).startswith(reply.said)


def test_a_word_that_only_begins_like_the_stop_string_is_kept():
    reply = Text()
    assert reply.add(" I like Hu") == "I like"
    assert reply.add("mans") == " Humans"
    assert reply.add(" Hum") == ""
    assert reply.end() == " Hum"
