"""When a client is pinged, and when it counts as dead."""

from __future__ import annotations

import math

from web.transport.ping_timer import PingTimer

INTERVAL, TIMEOUT = 25.0, 20.0  # seconds


def test_a_ping_is_due_after_the_interval_and_its_answer_after_the_timeout():
    timer = PingTimer(INTERVAL, TIMEOUT, 100.0)
    timer.read_started(100.0)
    assert timer.deadline == 125.0
    assert not timer.is_unanswered
    timer.ping_sent(125.0)
    assert timer.deadline == 145.0
    assert timer.is_unanswered


def test_anything_that_the_client_sends_answers_a_ping():
    timer = PingTimer(INTERVAL, TIMEOUT, 100.0)
    timer.read_started(100.0)
    timer.ping_sent(125.0)
    timer.read_ended(b"x")
    assert timer.deadline == 150.0
    timer.read_started(126.0)
    assert not timer.is_unanswered


def test_a_client_is_not_dead_while_the_server_does_not_read():
    timer = PingTimer(INTERVAL, TIMEOUT, 100.0)
    timer.ping_sent(125.0)
    assert not timer.is_unanswered
    timer.read_started(140.0)  # the client's answer may be in the kernel
    assert not timer.is_unanswered
    timer.ping_sent(145.0)
    assert timer.is_unanswered


def test_a_stopped_timer_has_no_deadline_even_if_an_answer_is_read_later():
    timer = PingTimer(INTERVAL, TIMEOUT, 100.0)
    timer.read_started(100.0)
    timer.ping_sent(125.0)
    timer.stop()
    timer.read_ended(b"x")
    assert timer.deadline == math.inf
