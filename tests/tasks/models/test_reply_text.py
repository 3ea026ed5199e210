"""The reply does not depend on how the model splits its text, and returned text stays valid."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tasks.models.reply_text import STOP_SEQUENCE, ReplyText

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
    stop = text.find(STOP_SEQUENCE)
    reply = (text[:stop] if stop >= 0 else text).strip()
    return reply.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@given(texts, st.lists(st.integers(0, 60), max_size=8))
def test_any_split_gives_the_same_text(text, cuts):
    reply = ReplyText()
    places = sorted({0, len(text), *(cut for cut in cuts if cut <= len(text))})
    returned = [reply.add(text[start:end]) for start, end in pairwise(places)]
    returned.append(reply.finish())
    assert "".join(returned) == reply.text == whole(text)


@given(texts)
def test_returned_text_is_the_beginning_of_the_reply(text):
    reply = ReplyText()
    for character in text:
        reply.add(character)
        assert whole(text).startswith(reply.text)


def test_a_word_that_only_begins_like_the_stop_sequence_belongs_to_the_reply():
    reply = ReplyText()
    assert reply.add(" I like Hu") == "I like"
    assert reply.add("mans") == " Humans"
    assert reply.add(" Hum") == ""
    assert reply.finish() == " Hum"
