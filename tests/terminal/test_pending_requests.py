"""Each request is made once, although connections are lost on the way."""

from __future__ import annotations

import pytest

from terminal.conversation import Conversation, Exchange, Reply
from terminal.errors import Failed
from terminal.pending_requests import MAX_PENDING, PendingRequest, PendingRequests
from terminal.session_client import SessionClient


def history(*exchanges):
    return Conversation("Ada", "", exchanges)


def retry(old_reply, *, sent=True):
    return PendingRequest({"type": "retry", "id": "h1"}, old_reply, sent)


def is_confirmed(request, reply):
    return request.confirmed_by(history(Exchange("h1", "Hello", reply=reply)))


def test_a_message_is_confirmed_by_a_history_that_contains_it():
    request = PendingRequest({"type": "message", "id": "h1", "msg": "Hello"})
    assert not request.confirmed_by(history())
    assert is_confirmed(request, None)


@pytest.mark.parametrize("reply", [None, Reply("b2"), Reply("b2", "Hi!", status="done")])
def test_a_retry_is_confirmed_by_another_reply_or_by_none(reply):
    assert is_confirmed(retry("b1"), reply)


def test_a_retry_is_not_confirmed_while_the_history_has_the_old_reply():
    assert not is_confirmed(retry("b1"), Reply("b1", "Hi!", status="done"))


def test_a_retry_that_was_never_sent_cannot_be_confirmed():
    assert not is_confirmed(retry("b1", sent=False), Reply("b2", "Hi!", status="done"))
    assert not is_confirmed(retry("b1", sent=False), None)


def test_a_reply_that_failed_before_it_had_an_id_is_recognized_by_its_error():
    failed = Reply("b1", status="failed", error="No model.")
    assert not is_confirmed(retry(""), failed)
    assert is_confirmed(retry(""), Reply("b2", "Hi!", status="done"))


@pytest.mark.parametrize(
    ("reply", "confirmed"),
    [
        (Reply("b1", "Once", status="stopped"), False),
        (Reply("b1", "Once", n=1), True),
        (Reply("b1", "Once upon", status="stopped"), True),
        (Reply("b1", "Once", status="done", finish="stop"), True),
    ],
)
def test_a_continue_is_confirmed_by_a_reply_that_streams_is_longer_or_complete(reply, confirmed):
    request = PendingRequest({"type": "continue", "id": "h1"}, sent=True, old_text="Once")
    assert is_confirmed(request, reply) == confirmed


def test_a_history_removes_the_confirmed_requests_and_leaves_the_others_in_order():
    requests = PendingRequests()
    for number in range(4):
        requests.add(PendingRequest({"type": "message", "id": f"h{number}", "msg": "Hello"}))
    requests.remove_confirmed(history(Exchange("h0"), Exchange("h1")))
    assert requests.ids == ("h2", "h3")


def test_the_number_of_pending_requests_is_bounded():
    client = SessionClient("http://127.0.0.1:1", "token", lambda: None)
    for _ in range(MAX_PENDING):
        client.send_message("hello")
    with pytest.raises(Failed, match="Too many messages are waiting to be sent"):
        client.send_message("hello")
