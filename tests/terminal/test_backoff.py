"""Attempts to connect, and to send again, become less frequent but never stop."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from terminal.backoff import (
    FIRST_RECONNECT_DELAY,
    FIRST_RESEND_DELAY,
    MAX_RECONNECT_DELAY,
    MAX_RESEND_DELAY,
    MIN_RESEND_DELAY,
    reconnect_delay,
    resend_delay,
)


def test_reconnect_delays_grow_to_a_maximum_however_long_an_outage_lasts():
    delays = [reconnect_delay(attempts) for attempts in range(1, 3000)]
    assert FIRST_RECONNECT_DELAY / 2 <= delays[0] <= FIRST_RECONNECT_DELAY
    assert all(MAX_RECONNECT_DELAY / 2 <= each <= MAX_RECONNECT_DELAY for each in delays[10:])


def test_reconnect_delays_differ_so_that_clients_do_not_come_all_at_once():
    assert len({reconnect_delay(3) for _ in range(100)}) > 90


@pytest.mark.parametrize("retry_after", [None, 0, -3, "soon", [], json.loads("NaN")])
def test_resend_delays_grow_if_the_server_names_no_usable_delay(retry_after):
    delays = [resend_delay(refusals, retry_after) for refusals in range(1, 3000)]
    assert FIRST_RESEND_DELAY <= delays[0] <= 1.2 * FIRST_RESEND_DELAY
    assert all(later >= 1.5 * sooner for sooner, later in pairwise(delays[:4]))
    assert all(each == MAX_RESEND_DELAY for each in delays[10:])


def test_a_resend_delay_is_the_servers_within_limits():
    assert all(7 <= resend_delay(refusals, 7) <= 1.2 * 7 for refusals in (1, 2, 50))
    assert MIN_RESEND_DELAY <= resend_delay(1, 1e-9) < 1
    assert resend_delay(1, 10**400) == resend_delay(1, json.loads("1e999")) == MAX_RESEND_DELAY
