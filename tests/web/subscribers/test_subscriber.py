"""Revision, gap and buffering: what a subscriber sends, and when it asks for a resync."""

from __future__ import annotations

import pytest

from chat.channel import SessionEvent
from chat.session_store import Session
from web.subscribers.subscriber import MAX_BUFFERED, Services, Subscriber


class Recorder(Subscriber):
    """A subscriber that records what a client would be sent: revisions, and names of events."""

    def __init__(self):
        self.sent = []
        self.resyncs = 0
        super().__init__(None, "token", Services(None, self._count_resync, None))

    def prepare_session(self, session):
        return lambda: self.sent.append(f"session {session.rev}")

    def on_event(self, event):
        self.sent.append(event.rev or event.type)

    def _count_resync(self, _):
        self.resyncs += 1


def session(rev: int) -> Session:
    return Session("token", "Ada", "", [], 0, rev)


def change(rev: int) -> SessionEvent:
    return SessionEvent("token", "delta", b"{}", rev=rev, prev_rev=rev - 1)


@pytest.fixture
def subscriber() -> Recorder:
    """Return a subscriber whose client has revision 7."""
    subscriber = Recorder()
    subscriber.send_session(session(7))
    subscriber.sent.clear()
    return subscriber


def test_events_before_the_session_are_not_sent():
    subscriber = Recorder()
    subscriber.deliver(change(1))
    assert (subscriber.sent, subscriber.resyncs) == ([], 0)


def test_events_that_follow_each_other_are_sent_once(subscriber):
    for rev in (7, 8, 8, 9):
        subscriber.deliver(change(rev))
    assert (subscriber.sent, subscriber.resyncs) == ([8, 9], 0)


def test_a_gap_requests_one_resync_and_sends_nothing_until_then(subscriber):
    for rev in (9, 10, 11):
        subscriber.deliver(change(rev))
    assert (subscriber.sent, subscriber.resyncs) == ([], 1)
    subscriber.send_session(session(11))
    subscriber.deliver(change(12))
    assert (subscriber.sent, subscriber.resyncs) == (["session 11", 12], 1)


def test_events_are_buffered_while_the_history_is_read_and_known_ones_dropped():
    subscriber = Recorder()
    with subscriber.buffering():
        for rev in (7, 8, 9):
            subscriber.deliver(change(rev))
        subscriber.send_session(session(8))
    assert (subscriber.sent, subscriber.resyncs) == (["session 8", 9], 0)


def test_buffering_ends_with_the_outermost_block(subscriber):
    with subscriber.buffering():
        with subscriber.buffering():
            subscriber.deliver(change(8))
        assert subscriber.sent == []
    assert subscriber.sent == [8]


def test_an_overflow_of_the_buffer_is_a_gap(subscriber):
    with subscriber.buffering():
        for rev in range(8, 8 + MAX_BUFFERED + 1):
            subscriber.deliver(change(rev))
    assert (subscriber.sent, subscriber.resyncs) == ([], 1)


def test_a_history_from_before_the_confirmation_is_sent_and_read_again():
    subscriber = Recorder()
    subscriber.subscription_confirmed = False
    subscriber.send_session(session(7))
    assert (subscriber.sent, subscriber.resyncs) == (["session 7"], 1)
    subscriber.send_session(session(8))
    assert (subscriber.sent, subscriber.resyncs) == (["session 7", "session 8"], 1)


def test_a_session_that_the_client_has_is_not_sent_again(subscriber):
    subscriber.send_session(session(7))
    assert subscriber.sent == []


def test_an_event_that_changes_nothing_is_sent_at_any_time(subscriber):
    subscriber.deliver(SessionEvent("token", "wait", b"{}", rev=None, prev_rev=None))
    subscriber.deliver(change(9))  # a gap
    subscriber.deliver(SessionEvent("token", "wait", b"{}", rev=None, prev_rev=None))
    assert subscriber.sent == ["wait", "wait"]


def test_an_event_that_holds_up_to_a_revision_is_not_sent_after_a_later_one(subscriber):
    subscriber.deliver(SessionEvent("token", "unserved", b"{}", None, None, last_rev=7))
    subscriber.deliver(change(8))
    subscriber.deliver(SessionEvent("token", "unserved", b"{}", None, None, last_rev=7))
    assert subscriber.sent == ["unserved", 8]
