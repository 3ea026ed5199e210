"""Tries to connect again come slower, and never stop."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from terminal.backoff import (
    FIRST,
    FIRST_BUSY,
    LONGEST,
    LONGEST_BUSY,
    SHORTEST_BUSY,
    busy_pause,
    pause,
)


def test_pauses_grow_to_a_bound_however_long_an_outage_lasts():
    pauses = [pause(tries) for tries in range(1, 3000)]
    assert FIRST / 2 <= pauses[0] <= FIRST
    assert all(LONGEST / 2 <= each <= LONGEST for each in pauses[10:])


def test_pauses_differ_so_that_not_all_come_at_once():
    assert len({pause(3) for _ in range(100)}) > 90


@pytest.mark.parametrize("said", [None, 0, -3, "soon", [], json.loads("NaN")])
def test_a_refused_message_waits_longer_each_time_where_the_server_does_not_say(said):
    pauses = [busy_pause(tries, said) for tries in range(1, 3000)]
    assert FIRST_BUSY <= pauses[0] <= 1.2 * FIRST_BUSY
    assert all(later >= 1.5 * sooner for sooner, later in pairwise(pauses[:4]))
    assert all(each == LONGEST_BUSY for each in pauses[10:])


def test_a_refused_message_waits_as_long_as_the_server_says_within_reason():
    assert all(7 <= busy_pause(tries, 7) <= 1.2 * 7 for tries in (1, 2, 50))
    assert SHORTEST_BUSY <= busy_pause(1, 1e-9) < 1
    assert busy_pause(1, 10**400) == busy_pause(1, json.loads("1e999")) == LONGEST_BUSY
