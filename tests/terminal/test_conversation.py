"""Frames are folded by the contract's rules, wherever a connection is lost."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import pytest

from terminal.conversation import NO_WORKER, THINKING, Conversation, Reply
from terminal.frames import GapError, apply_frame
from tests.terminal.recording import FRAMES, POINTS, history_after

HUMAN = {"id": "h1", "source": "human", "msg": "Hello", "timestamp": "t1"}
BOT = {"id": "b1", "source": "bot", "msg": "Hi!", "timestamp": "t2", "reply_to": "h1"}
SESSION = {"name": "Ada", "session_start": "t0"}
HISTORY = {"type": "history", "session": SESSION, "messages": [HUMAN]}
START = {"type": "start", "id": "b1", "reply_to": "h1", "attempt": 1}
PARTIAL = [HISTORY, START, {"type": "delta", "id": "b1", "n": 0, "text": "Hel"}]
DONE = {"type": "message", "status": "done", **BOT}


def folded(frames, conversation=None):
    return reduce(apply_frame, frames, conversation or Conversation())


def replies(conversation):
    """Return each reply's text and status; the text of a message may come after its `ack`."""
    return [(e.id, e.reply and (e.reply.msg, e.reply.status)) for e in conversation.exchanges]


WHOLE = folded(FRAMES)


def test_a_recorded_session_ends_as_the_history_has_it():
    assert WHOLE.exchanges == folded([history_after(len(FRAMES))]).exchanges
    assert [each.reply.status for each in WHOLE.exchanges] == ["done", "done", "stopped"]


@pytest.mark.parametrize("cut", POINTS)
def test_it_ends_the_same_wherever_the_connection_is_lost_and_wherever_it_is_back(cut):
    before = folded(FRAMES[:cut])
    for back in POINTS[cut - 1 :]:
        assert folded([history_after(back), *FRAMES[back:]], before).exchanges == WHOLE.exchanges, (
            back
        )


def test_frames_and_history_agree_at_every_point():
    for point in POINTS:
        if FRAMES[point - 1]["type"] != "ack":  # its text comes with the next frames
            assert replies(folded(FRAMES[:point])) == replies(folded([history_after(point)])), point


def test_deltas_that_the_history_contains_are_ignored():
    for back in POINTS:
        history = folded([history_after(back)])
        streaming = {each.reply.id for each in history.exchanges if each.reply}
        late = [f for f in FRAMES[:back] if f["type"] == "delta" and f["id"] in streaming]
        assert folded([*late, *FRAMES[back:]], history).exchanges == WHOLE.exchanges, back


def test_a_missing_delta_before_another_one_is_a_gap():
    gaps = 0
    for point, (frame, following) in enumerate(pairwise(FRAMES)):
        if frame["type"] == following["type"] == "delta":
            with pytest.raises(GapError):
                apply_frame(folded(FRAMES[:point]), following)
            gaps += 1
    assert gaps > 10


def test_deltas_add_up_to_the_whole_reply():
    whole = [(n, f) for n, f in enumerate(FRAMES) if f.get("source") == "bot"]
    assert len(whole) == 4
    for point, frame in whole:
        assert folded(FRAMES[:point]).exchange(frame["reply_to"]).reply.msg == frame["msg"]


def test_a_history_replaces_the_conversation():
    assert folded([*PARTIAL, {**HISTORY, "messages": []}]).exchanges == ()


def test_a_new_attempt_replaces_the_partial_text():
    again = folded([{**START, "attempt": 2}], folded(PARTIAL))
    assert again.exchange("h1").reply == Reply("b1")


def test_a_failed_reply_keeps_its_text_and_has_a_reason():
    error = {"type": "error", "code": "model_timeout", "msg": "Too slow.", "reply_to": "h1"}
    reply = folded([*PARTIAL, error]).exchange("h1").reply
    assert (reply.msg, reply.status, reply.error) == ("Hel", "failed", "Too slow.")
    assert folded([HISTORY, error]).exchange("h1").answered


def test_a_failed_reply_in_a_history_has_its_reason_as_a_sentence():
    failed = {**BOT, "status": "failed", "error": "model_timeout"}
    reply = folded([{**HISTORY, "messages": [HUMAN, failed]}]).exchange("h1").reply
    assert reply.error == "The model took too long to answer. Please try again."
    failed |= {"error_msg": "Ask for less."}
    reply = folded([{**HISTORY, "messages": [HUMAN, failed]}]).exchange("h1").reply
    assert reply.error == "Ask for less."


def test_a_delta_changes_no_finished_reply_and_is_a_gap_for_an_unknown_one():
    whole = folded([*PARTIAL, DONE])
    assert apply_frame(whole, {"type": "delta", "id": "b1", "n": 7, "text": "!"}) == whole
    with pytest.raises(GapError):
        apply_frame(whole, {"type": "delta", "id": "b9", "n": 0, "text": "!"})


def test_a_position_and_a_wait_end_when_the_reply_begins():
    waiting = folded([HISTORY, {"type": "ack", "id": "h1", "position": 4}])
    assert waiting.unanswered().position == 4
    wait = {"type": "wait", "reply_to": "h1", "code": "busy", "retry_after": 5}
    assert folded([wait], waiting).exchange("h1").wait_reason == "busy"
    begun = folded([wait, START], waiting).exchange("h1")
    assert (begun.position, begun.wait_reason) == (0, "")


def test_a_wait_for_a_worker_has_its_own_reason_and_ends_with_the_next_delta():
    wait = {"type": "wait", "reply_to": "h1", "code": "busy", "retry_after": 15}
    absent = folded([*PARTIAL, {**wait, "reason": "no_worker"}])
    assert absent.exchange("h1").wait_reason == NO_WORKER
    assert folded([wait], absent).exchange("h1").wait_reason == "busy"
    more = {"type": "delta", "id": "b1", "n": 1, "text": "lo"}
    assert folded([more], absent).exchange("h1").wait_reason == ""


def test_unknown_frames_change_nothing():
    partial = folded(PARTIAL)
    for frame in ({"type": "weather"}, {"type": "error", "code": "invalid", "msg": "No."}):
        assert apply_frame(partial, frame) == partial


def test_a_continued_reply_streams_again_from_its_text():
    cut = folded([HISTORY, {**DONE, "finish": "length"}])
    assert cut.exchange("h1").reply.cut
    started = folded([{**START, "msg": "Hi!", "n": 1}], cut)
    assert started.exchange("h1").reply == Reply("b1", "Hi!", n=1)
    longer = folded([{"type": "delta", "id": "b1", "n": 1, "text": " You"}], started)
    assert longer.exchange("h1").reply.msg == "Hi! You"
    with pytest.raises(GapError):
        folded([{"type": "delta", "id": "b1", "n": 2, "text": "?"}], started)


@pytest.mark.parametrize(
    ("reply", "cut"),
    [
        (Reply("b1", "Hi", status="done", finish="length"), True),
        (Reply("b1", "Hi", status="done", finish="stop"), False),
        (Reply("b1", "", status="stopped"), True),
        (Reply("b1", "Hi", status="failed"), True),
        (Reply("b1", "", status="failed"), False),
        (Reply("b1", "Hi"), False),
    ],
)
def test_a_reply_can_be_continued_if_it_was_cut_or_stopped_or_failed_with_text(reply, cut):
    assert reply.cut == cut


def test_an_acknowledged_continue_makes_the_message_unanswered():
    stopped = folded([HISTORY, {**DONE, "status": "stopped"}])
    assert stopped.unanswered() is None
    assert stopped.with_open_reply("h1").unanswered().id == "h1"
    assert folded(PARTIAL).with_open_reply("h1") == folded(PARTIAL)


def test_a_model_thinks_until_there_is_text_and_never_about_a_reply_that_has_ended():
    thinking = {"type": "thinking", "id": "b1", "reply_to": "h1"}
    waiting = folded([HISTORY, START, thinking])
    assert waiting.exchange("h1").wait_reason == THINKING
    delta = {"type": "delta", "id": "b1", "n": 0, "text": "Hi"}
    assert folded([delta], waiting).exchange("h1").wait_reason == ""
    assert folded([HISTORY, DONE, thinking]).exchange("h1").wait_reason == ""
    assert folded([HISTORY, {**thinking, "reply_to": "elsewhere"}]) == folded([HISTORY])


def test_an_old_reply_comes_back_in_the_place_of_the_one_that_failed():
    failed = {"type": "error", "code": "model_timeout", "msg": "Too slow.", "reply_to": "h1"}
    back = folded([HISTORY, {**START, "id": "b2"}, failed, DONE])
    assert back.exchanges == folded([HISTORY, DONE]).exchanges
