"""The rest of a reply, from a chat server that begins a new message."""

from __future__ import annotations

import pytest

from tasks.models.rest_of_reply import RestOfReply, asking_for_rest
from tasks.prompt import PromptMessage

TEXT = "Once upon a time there was a king who had three daughters, and the youngest was wond"
END = "daughters, and the youngest was wond"


def rest(text: str, answer: str, size: int = 1) -> str:
    reply = RestOfReply(text)
    parts = [answer[at : at + size] for at in range(0, len(answer), size)]
    return "".join(map(reply.add, parts)) + reply.finish()


def test_the_model_is_told_the_last_words_and_gets_its_message():
    messages = [PromptMessage("human", "A story")]
    *before, cut, instruction = asking_for_rest(messages, TEXT)
    assert (before, cut) == (messages, PromptMessage("bot", TEXT))
    assert instruction.source == "human"
    assert instruction.text.endswith(f": {END}")


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "answer",
    [
        f"{END}erful.",
        f" …{END}erful.",
        f'"{END}erful.',
        f"had three {END}erful.",  # it repeats more
        f"Sure! Here it is: {END}erful.",
        f"{END.replace(' ', chr(10))}erful.",
    ],
)
def test_what_the_model_repeats_is_left_out(answer, size):
    assert rest(TEXT, answer, size) == "erful."


def test_a_text_whose_whole_is_repeated_has_no_rest():
    assert rest(TEXT, END) == ""
    assert rest(TEXT, "") == ""


def test_a_model_that_repeats_less_than_it_was_told_is_joined_where_both_are_equal():
    assert rest("It was a dark and stormy night", "stormy night in March.") == " in March."


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("Once upon", "a time.", " a time."),
        ("Once upon.", "Then", "Then"),
        ("Once upon ", "a time", "a time"),
        ("Once", ", upon a time", ", upon a time"),
        ("a\n\n", "- b", "- b"),
    ],
)
def test_a_model_that_repeats_nothing_goes_on_with_the_next_word(text, answer, expected):
    assert rest(text, answer) == expected


def test_the_rest_comes_as_soon_as_the_repeated_words_have_come():
    reply = RestOfReply(TEXT)
    assert reply.add(END) == ""
    assert [reply.add("er"), reply.add("ful")] == ["er", "ful"]


def test_a_long_answer_without_the_repeated_words_is_not_held_back_for_long():
    reply = RestOfReply(TEXT)
    words = [f"{number} " for number in range(100)]
    assert "".join(reply.add(word) for word in words) == " " + "".join(words)
