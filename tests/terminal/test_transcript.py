"""What is printed stays, so that each word of a conversation is printed once."""

from __future__ import annotations

import re

import pytest

from terminal.conversation import NO_WORKER, Conversation, Reply, Turn, fold
from terminal.snapshot import Postponed, View
from terminal.transcript import Transcript, clean
from tests.terminal.recording import FRAMES, POINTS, history_after

_STYLES = re.compile(r"\x1b\[\d+m")


def printed(transcript, *views):
    return _STYLES.sub("", "".join(transcript.news(view) for view in views))


def view_of(*turns, **more):
    return View(Conversation("Ada", "", turns), **{"state": "open", "known": True, **more})


def turn(reply=None, **more):
    return Turn("h1", "Hello", reply=reply, **more)


def replies_in(text):
    """Return the replies that a reader sees, of which the last may have begun anew."""
    replies = []
    for line in re.split(r"\n(?=Ada: |Bot: |Bot, going on: |· )|^", text):
        label, _, said = line.partition(": ")
        if label == "Bot":
            replies.append(said)
        elif label == "Bot, going on":
            replies[-1] += said
    return [reply.removesuffix("\n") for reply in replies]


@pytest.mark.parametrize("cut", POINTS)
def test_a_recorded_session_is_printed_whole_and_once_wherever_it_is_cut(cut):
    whole = [frame["msg"] for frame in FRAMES if frame.get("source") == "bot"]
    for back in POINTS[cut - 1 :]:
        transcript, conversation, text = Transcript(), Conversation(), ""
        for frame in (*FRAMES[:cut], history_after(back), *FRAMES[back:]):
            conversation = fold(conversation, frame)
            text += printed(transcript, View(conversation, "open", known=True))
        first, second, *stopped, last = replies_in(text)
        assert [first, second, last] == [*whole[:2], whole[3]], back
        assert all(whole[2].startswith(begun) or whole[3].startswith(begun) for begun in stopped)
        for asked in (frame["msg"] for frame in FRAMES if frame.get("source") == "human"):
            assert text.count(asked) == 1, back


def test_a_message_that_was_typed_there_is_not_printed_again():
    transcript = Transcript()
    transcript.typed("h1")
    assert printed(transcript, view_of(turn())) == ""
    assert printed(transcript, view_of(turn(Reply("b1", "Hi!", status="done")))) == "Bot: Hi!\n"


def test_a_reply_that_begins_anew_is_told_and_printed_from_its_start():
    text = printed(
        Transcript(),
        view_of(turn(Reply("b1", "Hel", n=1))),
        view_of(turn(Reply("b1"))),
        view_of(turn(Reply("b1", "Hi!", status="done"))),
    )
    assert text == "Ada: Hello\nBot: Hel\n· The reply begins anew.\nBot: Hi!\n"


def test_a_reply_goes_on_behind_a_note():
    half, whole = Reply("b1", "Hel", n=1), Reply("b1", "Hello!", status="done")
    text = printed(
        Transcript(),
        view_of(turn(half)),
        view_of(turn(half), state="lost"),
        view_of(turn(half), state="lost"),
        view_of(turn(whole)),
    )
    assert text == (
        "Ada: Hello\nBot: Hel\n· The connection is lost; trying again.\n"
        "· Connected again.\nBot, going on: lo!\n"
    )


def test_a_retry_prints_the_new_reply_though_it_is_the_same_text():
    done = Reply("b1", "Hi!", status="done")
    text = printed(
        Transcript(),
        view_of(turn(done)),
        view_of(turn()),
        view_of(turn(Reply("b2", "Hi!", 0, "done"))),
    )
    assert text == "Ada: Hello\nBot: Hi!\nBot: Hi!\n"


def test_a_retry_that_fails_at_once_again_says_so_again():
    failed = Reply("", status="failed", error="No model.")
    text = printed(
        Transcript(),
        view_of(turn(failed)),
        view_of(turn(attempt=1)),
        view_of(turn(failed, attempt=1)),
    )
    assert text.count("· No whole reply: No model. (/retry)\n") == 2


def test_a_failed_reply_is_told_once_though_the_history_gives_it_an_id():
    text = printed(
        Transcript(),
        view_of(turn(Reply("", status="failed", error="No model."))),
        view_of(turn(Reply("b1", status="failed", error="No model."))),
    )
    assert text.count("No whole reply") == 1


@pytest.mark.parametrize(
    ("waiting", "told"),
    [
        (turn(position=3), "Messages that are answered before this one: 3."),
        (turn(wait="busy"), "The model is busy; the reply will come."),
        (
            turn(wait="model_unavailable"),
            "The model is still loading or away; the reply will come.",
        ),
        (
            turn(wait=NO_WORKER, position=3),
            "Nobody can answer right now. Your message is kept and will be answered.",
        ),
        (turn(wait="something new"), "The model keeps us waiting; the reply will come."),
    ],
)
def test_why_one_waits_is_told_once(waiting, told):
    transcript = Transcript()
    assert printed(transcript, view_of(waiting)) == f"Ada: Hello\n· {told}\n"
    assert printed(transcript, view_of(waiting)) == ""


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("busy", "The chat is busy."),
        ("rate_limited", "You send faster than the chat allows."),
    ],
)
def test_a_message_that_is_put_off_is_told_once_and_again_for_another(code, why):
    transcript = Transcript()
    told = f"· {why} Your message is kept, and sent again in 7 s; Ctrl-C withdraws it.\n"
    put_off = view_of(waiting=("h1",), postponed=Postponed(code, 7))
    assert printed(transcript, put_off, put_off) == told
    assert printed(transcript, view_of(postponed=Postponed(code, 7))) == ""
    assert printed(transcript, put_off) == told


def test_why_a_connection_does_not_come_about_is_told_once_for_each_reason():
    transcript = Transcript()
    lost, busy, other = (view_of(state="lost", why=why) for why in ("", "Too busy.", "Not so."))
    told = "· The connection is lost; trying again.\n· Too busy. Trying again.\n"
    assert printed(transcript, lost, busy, lost, busy) == told
    assert printed(transcript, other) == "· Not so. Trying again.\n"
    assert printed(transcript, view_of(), lost) == (
        "· Connected again.\n· The connection is lost; trying again.\n"
    )


def test_a_refusal_is_told_once():
    refused = view_of(refused={"h1": "Too long."})
    assert printed(Transcript(), refused, refused) == "· Too long.\n"


def test_what_was_never_sent_is_told_when_the_chat_ends():
    text = printed(Transcript(), view_of(state="ended", why="It is over.", waiting=("h1",)))
    assert text == "· It is over. Your message was not sent. /new begins another.\n"


def test_at_the_prompt_only_whole_replies_are_printed():
    transcript = Transcript()
    half = view_of(turn(Reply("b1", "Hel", n=1)))
    assert transcript.news(half, whole=True) == ""
    assert printed(transcript, half) == "Ada: Hello\nBot: Hel"


def test_a_terminal_is_given_no_character_that_it_obeys():
    everything = "".join(map(chr, range(0x3000)))
    obeyed = {chr(code) for code in (*range(32), 127, *range(128, 160))} - set("\n\t")
    assert not obeyed & set(clean(everything))
    assert clean("a\tb\r\nc") == "a\tb\nc"
    mean = "\x1b]0;owned\x07"
    name = Conversation(mean, "", (Turn("h1", mean, reply=Reply("b1", mean, 0, "failed", mean)),))
    text = printed(Transcript(), View(name, "ended", mean, refused={"h2": mean}))
    assert "\x1b" not in text
    assert text.count("owned") == 6
