"""Tries to connect again come slower, and never stop."""

from __future__ import annotations

from web.terminal.pause import FIRST, LONGEST, pause


def test_pauses_grow_to_a_bound_however_long_an_outage_lasts():
    pauses = [pause(tries) for tries in range(1, 3000)]
    assert FIRST / 2 <= pauses[0] <= FIRST
    assert all(LONGEST / 2 <= each <= LONGEST for each in pauses[10:])


def test_pauses_differ_so_that_not_all_come_at_once():
    assert len({pause(3) for _ in range(100)}) > 90
