"""Frames are folded by the contract's rules, wherever the connection is cut."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import pytest

from terminal.conversation import NO_WORKER, Conversation, GapError, Reply, fold
from tests.terminal.recording import FRAMES, POINTS, history_after

HUMAN = {"id": "h1", "source": "human", "msg": "Hello", "timestamp": "t1"}
BOT = {"id": "b1", "source": "bot", "msg": "Hi!", "timestamp": "t2", "reply_to": "h1"}
SESSION = {"name": "Ada", "session_start": "t0"}
HISTORY = {"type": "history", "session": SESSION, "messages": [HUMAN]}
START = {"type": "start", "id": "b1", "reply_to": "h1", "attempt": 1}
HALF = [HISTORY, START, {"type": "delta", "id": "b1", "n": 0, "text": "Hel"}]
DONE = {"type": "message", "status": "done", **BOT}


def folded(frames, conversation=None):
    return reduce(fold, frames, conversation or Conversation())


def replies(conversation):
    """Return the replies as a person would read them; an own message comes only after its ack."""
    return [(t.id, t.reply and (t.reply.msg, t.reply.status)) for t in conversation.turns]


WHOLE = folded(FRAMES)


def test_a_recorded_session_ends_as_the_history_has_it():
    assert WHOLE.turns == folded([history_after(len(FRAMES))]).turns
    assert [turn.reply.status for turn in WHOLE.turns] == ["done", "done", "stopped"]


@pytest.mark.parametrize("cut", POINTS)
def test_it_ends_the_same_when_it_is_cut_anywhere_and_comes_back_anywhere_later(cut):
    before = folded(FRAMES[:cut])
    for back in POINTS[cut - 1 :]:
        assert folded([history_after(back), *FRAMES[back:]], before).turns == WHOLE.turns, back


def test_frames_and_history_say_the_same_at_every_point():
    for point in POINTS:
        if FRAMES[point - 1]["type"] != "ack":  # its message comes with the next frames
            assert replies(folded(FRAMES[:point])) == replies(folded([history_after(point)])), point


def test_deltas_that_the_history_had_are_dropped():
    for back in POINTS:
        history = folded([history_after(back)])
        streaming = {turn.reply.id for turn in history.turns if turn.reply}
        late = [f for f in FRAMES[:back] if f["type"] == "delta" and f["id"] in streaming]
        assert folded([*late, *FRAMES[back:]], history).turns == WHOLE.turns, back


def test_a_delta_that_is_missing_before_another_is_a_gap():
    gaps = 0
    for point, (frame, following) in enumerate(pairwise(FRAMES)):
        if frame["type"] == following["type"] == "delta":
            with pytest.raises(GapError):
                fold(folded(FRAMES[:point]), following)
            gaps += 1
    assert gaps > 10


def test_deltas_add_up_to_the_whole_reply():
    whole = [(n, f) for n, f in enumerate(FRAMES) if f.get("source") == "bot"]
    assert len(whole) == 4
    for point, frame in whole:
        assert folded(FRAMES[:point]).turn(frame["reply_to"]).reply.msg == frame["msg"]


def test_the_history_replaces_what_was_held():
    assert folded([*HALF, {**HISTORY, "messages": []}]).turns == ()


def test_a_reply_that_begins_anew_takes_the_place_of_what_was_said():
    again = folded([{**START, "attempt": 2}], folded(HALF))
    assert again.turn("h1").reply == Reply("b1")


def test_a_reply_that_fails_keeps_its_text_and_says_why():
    error = {"type": "error", "code": "model_timeout", "msg": "Too slow.", "reply_to": "h1"}
    reply = folded([*HALF, error]).turn("h1").reply
    assert (reply.msg, reply.status, reply.error) == ("Hel", "failed", "Too slow.")
    assert folded([HISTORY, error]).turn("h1").answered


def test_a_reply_that_had_failed_says_why_in_words():
    failed = {**BOT, "status": "failed", "error": "model_timeout"}
    reply = folded([{**HISTORY, "messages": [HUMAN, failed]}]).turn("h1").reply
    assert reply.error == "The model took too long to answer. Please try again."


def test_a_whole_reply_takes_no_delta_and_an_unknown_one_is_a_gap():
    whole = folded([*HALF, DONE])
    assert fold(whole, {"type": "delta", "id": "b1", "n": 7, "text": "!"}) == whole
    with pytest.raises(GapError):
        fold(whole, {"type": "delta", "id": "b9", "n": 0, "text": "!"})


def test_a_place_and_a_wait_end_when_the_reply_begins():
    waiting = folded([HISTORY, {"type": "ack", "id": "h1", "position": 4}])
    assert waiting.unanswered().position == 4
    wait = {"type": "wait", "reply_to": "h1", "code": "busy", "retry_after": 5}
    assert folded([wait], waiting).turn("h1").wait == "busy"
    begun = folded([wait, START], waiting).turn("h1")
    assert (begun.position, begun.wait) == (0, "")


def test_a_wait_for_want_of_a_worker_is_told_from_the_models_and_ends_with_the_next_delta():
    wait = {"type": "wait", "reply_to": "h1", "code": "busy", "retry_after": 15}
    absent = folded([*HALF, {**wait, "reason": "no_worker"}])
    assert absent.turn("h1").wait == NO_WORKER
    assert folded([wait], absent).turn("h1").wait == "busy"
    more = {"type": "delta", "id": "b1", "n": 1, "text": "lo"}
    assert folded([more], absent).turn("h1").wait == ""


def test_frames_that_are_not_known_change_nothing():
    half = folded(HALF)
    for frame in ({"type": "weather"}, {"type": "error", "code": "invalid", "msg": "No."}):
        assert fold(half, frame) == half
