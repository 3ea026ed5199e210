"""Printed text stays, so each word of a conversation is printed once."""

from __future__ import annotations

import re

import pytest

from terminal.conversation import NO_WORKER, THINKING, Conversation, Exchange, Reply
from terminal.frames import apply_frame
from terminal.snapshot import Postponed, Snapshot
from terminal.styles import clean
from terminal.transcript import Transcript
from tests.terminal.recording import FRAMES, POINTS, history_after

_STYLES = re.compile(r"\x1b\[\d+m")


def printed(transcript, *snapshots):
    return _STYLES.sub("", "".join(transcript.update(snapshot) for snapshot in snapshots))


def snapshot_of(*exchanges, **more):
    return Snapshot(
        Conversation("Ada", "", exchanges), **{"state": "open", "has_history": True, **more}
    )


def exchange(reply=None, **more):
    return Exchange("h1", "Hello", reply=reply, **more)


def replies_in(text):
    """Return the replies in a printed text. A new attempt is a reply of its own."""
    replies = []
    for line in re.split(r"\n(?=Ada: |Bot: |Bot \(continued\): |· )|^", text):
        label, _, words = line.partition(": ")
        if label == "Bot":
            replies.append(words)
        elif label == "Bot (continued)":
            replies[-1] += words
    return [reply.removesuffix("\n") for reply in replies]


@pytest.mark.parametrize("cut", POINTS)
def test_a_recorded_session_is_printed_completely_and_once_wherever_the_connection_is_lost(cut):
    whole = [frame["msg"] for frame in FRAMES if frame.get("source") == "bot"]
    for back in POINTS[cut - 1 :]:
        transcript, conversation, text = Transcript(), Conversation(), ""
        for frame in (*FRAMES[:cut], history_after(back), *FRAMES[back:]):
            conversation = apply_frame(conversation, frame)
            text += printed(transcript, Snapshot(conversation, "open", has_history=True))
        first, second, *stopped, last = replies_in(text)
        assert [first, second, last] == [*whole[:2], whole[3]], back
        assert all(whole[2].startswith(part) or whole[3].startswith(part) for part in stopped)
        for message in (frame["msg"] for frame in FRAMES if frame.get("source") == "human"):
            assert text.count(message) == 1, back


def test_a_message_that_was_typed_here_is_not_printed_again():
    transcript = Transcript()
    transcript.typed("h1", "Hello")
    assert printed(transcript, snapshot_of(exchange())) == ""
    assert (
        printed(transcript, snapshot_of(exchange(Reply("b1", "Hi!", status="done"))))
        == "Bot: Hi!\n"
    )


def test_a_new_attempt_has_a_note_and_is_printed_from_its_start():
    text = printed(
        Transcript(),
        snapshot_of(exchange(Reply("b1", "Hel", n=1))),
        snapshot_of(exchange(Reply("b1"))),
        snapshot_of(exchange(Reply("b1", "Hi!", status="done"))),
    )
    assert text == "Ada: Hello\nBot: Hel\n· The reply starts again from the beginning.\nBot: Hi!\n"


def test_a_reply_continues_after_a_note():
    partial, whole = Reply("b1", "Hel", n=1), Reply("b1", "Hello!", status="done")
    text = printed(
        Transcript(),
        snapshot_of(exchange(partial)),
        snapshot_of(exchange(partial), state="lost"),
        snapshot_of(exchange(partial), state="lost"),
        snapshot_of(exchange(whole)),
    )
    assert text == (
        "Ada: Hello\nBot: Hel\n· The connection is lost; trying again.\n"
        "· Connected again.\nBot (continued): lo!\n"
    )


def test_the_reply_to_a_retry_is_printed_although_its_text_is_the_same():
    done = Reply("b1", "Hi!", status="done")
    text = printed(
        Transcript(),
        snapshot_of(exchange(done)),
        snapshot_of(exchange()),
        snapshot_of(exchange(Reply("b2", "Hi!", 0, "done"))),
    )
    assert text == "Ada: Hello\nBot: Hi!\nBot: Hi!\n"


def test_the_failure_of_a_retry_is_printed_again():
    failed = Reply("", status="failed", error="No model.")
    text = printed(
        Transcript(),
        snapshot_of(exchange(failed)),
        snapshot_of(exchange(retries=1)),
        snapshot_of(exchange(failed, retries=1)),
    )
    assert text.count("· The reply failed: No model. (/retry)\n") == 2


def test_a_failure_is_printed_once_although_the_history_gives_the_reply_an_id():
    text = printed(
        Transcript(),
        snapshot_of(exchange(Reply("", status="failed", error="No model."))),
        snapshot_of(exchange(Reply("b1", status="failed", error="No model."))),
    )
    assert text.count("The reply failed") == 1


@pytest.mark.parametrize(
    ("delayed", "reason"),
    [
        (exchange(position=3), "3 messages are ahead of yours."),
        (exchange(wait_reason="busy"), "The model is busy; the reply will come."),
        (
            exchange(wait_reason="model_unavailable"),
            "The model is loading or cannot be reached; the reply will come.",
        ),
        (
            exchange(wait_reason=NO_WORKER, position=3),
            "Nobody can answer right now. Your message is kept and will be answered.",
        ),
        (exchange(wait_reason="something new"), "The model is not ready; the reply will come."),
    ],
)
def test_the_reason_of_a_delay_is_printed_once(delayed, reason):
    transcript = Transcript()
    assert printed(transcript, snapshot_of(delayed)) == f"Ada: Hello\n· {reason}\n"
    assert printed(transcript, snapshot_of(delayed)) == ""


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("busy", "The chat is busy."),
        ("rate_limited", "You send faster than the chat allows."),
    ],
)
def test_a_postponed_message_has_one_notice_and_the_next_one_another(code, sentence):
    transcript = Transcript()
    notice = (
        f"· {sentence} Your message is kept, and will be sent again in 7 s; Ctrl-C withdraws it.\n"
    )
    postponed = snapshot_of(pending=("h1",), postponed=Postponed(code, 7))
    assert printed(transcript, postponed, postponed) == notice
    assert printed(transcript, snapshot_of(postponed=Postponed(code, 7))) == ""
    assert printed(transcript, postponed) == notice


def test_each_reason_of_a_lost_connection_is_printed_once():
    transcript = Transcript()
    lost, busy, other = (
        snapshot_of(state="lost", reason=reason) for reason in ("", "Too busy.", "Not so.")
    )
    printed_once = "· The connection is lost; trying again.\n· Too busy. Trying again.\n"
    assert printed(transcript, lost, busy, lost, busy) == printed_once
    assert printed(transcript, other) == "· Not so. Trying again.\n"
    assert printed(transcript, snapshot_of(), lost) == (
        "· Connected again.\n· The connection is lost; trying again.\n"
    )


def test_a_refusal_is_printed_once():
    refused = snapshot_of(refused={"h1": "Too long."})
    assert printed(Transcript(), refused, refused) == "· Too long.\n"


def test_an_unsent_message_is_mentioned_when_the_chat_ends():
    text = printed(Transcript(), snapshot_of(state="ended", reason="It is over.", pending=("h1",)))
    assert text == "· It is over. Your message was not sent. /new starts a new chat.\n"


def test_at_the_prompt_only_finished_replies_are_printed():
    transcript = Transcript()
    partial = snapshot_of(exchange(Reply("b1", "Hel", n=1)))
    assert transcript.update(partial, finished_only=True) == ""
    assert printed(transcript, partial) == "Ada: Hello\nBot: Hel"


def test_no_control_character_reaches_the_terminal():
    everything = "".join(map(chr, range(0x3000)))
    obeyed = {chr(code) for code in (*range(32), 127, *range(128, 160))} - set("\n\t")
    assert not obeyed & set(clean(everything))
    assert clean("a\tb\r\nc") == "a\tb\nc"
    hostile = "\x1b]0;owned\x07"
    name = Conversation(
        hostile, "", (Exchange("h1", hostile, reply=Reply("b1", hostile, 0, "failed", hostile)),)
    )
    text = printed(Transcript(), Snapshot(name, "ended", hostile, refused={"h2": hostile}))
    assert "\x1b" not in text
    assert text.count("owned") == 6


def test_a_continued_reply_is_printed_from_where_it_was_cut():
    text = printed(
        Transcript(),
        snapshot_of(exchange(Reply("b1", "Once", 0, "done", finish="length"))),
        snapshot_of(exchange(Reply("b1", "Once", 1))),
        snapshot_of(exchange(Reply("b1", "Once upon", 2))),
        snapshot_of(exchange(Reply("b1", "Once upon", 0, "done", finish="stop"))),
    )
    assert text == (
        "Ada: Hello\nBot: Once\n· The model's limit has cut the reply. (/continue)\n"
        "Bot (continued):  upon\n"
    )


def test_a_continuation_that_fails_or_is_stopped_says_so():
    stopped = Reply("b1", "Once", 0, "stopped")
    text = printed(
        Transcript(),
        snapshot_of(exchange(stopped)),
        snapshot_of(exchange(Reply("b1", "Once", 1))),
        snapshot_of(exchange(Reply("b1", "Once", 1, "failed", "No model."))),
        snapshot_of(exchange(Reply("b1", "Once", 1))),
        snapshot_of(exchange(stopped)),
    )
    assert text == (
        "Ada: Hello\nBot: Once\n· Stopped.\n"
        "· The reply failed: No model. (/retry or /continue)\n· Stopped.\n"
    )


def test_an_old_reply_that_comes_back_is_not_printed_again():
    old, failed = Reply("b1", "Hi!", 0, "done"), Reply("b2", "", 0, "failed", "No model.")
    text = printed(
        Transcript(),
        snapshot_of(exchange(old)),
        snapshot_of(exchange(retries=1)),
        snapshot_of(exchange(Reply("b2"), retries=1)),
        snapshot_of(exchange(failed, retries=1)),
        snapshot_of(exchange(old, retries=1)),
        snapshot_of(exchange(old, retries=1)),
    )
    assert text == (
        "Ada: Hello\nBot: Hi!\n· The reply failed: No model. (/retry)\n"
        "· The earlier reply is kept.\n"
    )


def test_a_new_text_of_a_message_is_printed_unless_it_was_typed_here():
    reply = Reply("b1", "Hi!", 0, "done")
    edited = Exchange("h1", "Goodbye", reply=Reply("b2", "Bye", 0, "done"))
    transcript = Transcript()
    assert printed(transcript, snapshot_of(exchange(reply))) == "Ada: Hello\nBot: Hi!\n"
    text = printed(transcript, snapshot_of(Exchange("h1", "Goodbye")), snapshot_of(edited))
    assert text == "Ada: Goodbye\nBot: Bye\n"
    transcript.typed("h1", "Once more")
    text = printed(transcript, snapshot_of(edited), snapshot_of(Exchange("h1", "Once more")))
    assert text == ""


def test_a_model_that_thinks_is_mentioned_once_until_there_is_text():
    thinking = exchange(Reply("b1"), wait_reason=THINKING)
    text = printed(
        Transcript(),
        snapshot_of(thinking),
        snapshot_of(thinking),
        snapshot_of(exchange(Reply("b1", "Hi", 1))),
    )
    assert text == "Ada: Hello\n· The model is thinking…\nBot: Hi"
