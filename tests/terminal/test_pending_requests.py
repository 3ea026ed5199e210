"""What was asked for is asked once, whatever was lost on the way."""

from __future__ import annotations

import pytest

from terminal.connection import Connection
from terminal.conversation import Conversation, Reply, Turn
from terminal.errors import Failed
from terminal.pending_requests import MAX_PENDING, Ask, Asks


def history(*turns):
    return Conversation("Ada", "", turns)


def retry(old_reply, *, sent=True):
    return Ask({"type": "retry", "id": "h1"}, old_reply, sent)


def is_known(ask, reply):
    return ask.known_to(history(Turn("h1", "Hello", reply=reply)))


def test_a_message_is_known_once_the_history_has_it():
    ask = Ask({"type": "message", "id": "h1", "msg": "Hello"})
    assert not ask.known_to(history())
    assert is_known(ask, None)


@pytest.mark.parametrize("reply", [None, Reply("b2"), Reply("b2", "Hi!", status="done")])
def test_a_retry_is_known_by_another_reply_or_by_none(reply):
    assert is_known(retry("b1"), reply)


def test_a_retry_is_not_known_while_the_old_reply_stands():
    assert not is_known(retry("b1"), Reply("b1", "Hi!", status="done"))


def test_a_retry_that_was_never_sent_cannot_be_known():
    assert not is_known(retry("b1", sent=False), Reply("b2", "Hi!", status="done"))
    assert not is_known(retry("b1", sent=False), None)


def test_a_reply_that_failed_before_it_had_an_id_is_known_by_its_error():
    failed = Reply("b1", status="failed", error="No model.")
    assert not is_known(retry(""), failed)
    assert is_known(retry(""), Reply("b2", "Hi!", status="done"))


def test_a_history_takes_out_what_it_knows_and_leaves_the_rest_in_turn():
    asks = Asks()
    for number in range(3):
        asks.add(Ask({"type": "message", "id": f"h{number}", "msg": "Hello"}))
    asks.compare(history(Turn("h0"), Turn("h1")))
    assert asks.ids == ("h2",)


def test_no_more_is_kept_than_anybody_types():
    connection = Connection("http://127.0.0.1:1", "token", lambda: None)
    for _ in range(MAX_PENDING):
        connection.say("hello")
    with pytest.raises(Failed, match="Too much is waiting to be sent already"):
        connection.say("hello")
