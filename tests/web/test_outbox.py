"""What waits for a client is bounded, by what it costs here."""

from __future__ import annotations

import socket

import pytest

from web.outbox import MOST_WAITING, Outbox


@pytest.mark.parametrize("size", [2, 18, 1000])
def test_frames_that_nobody_reads_are_bounded_by_what_they_cost_not_by_their_bytes_alone(size):
    near, far = socket.socketpair()
    outbox = Outbox(near, send_within=60, close_within=1)
    taken = 0
    while outbox.put(b"x" * size):
        taken += 1
        assert taken < 100_000
    far.setblocking(False)
    in_the_kernel = len(far.recv(MOST_WAITING))
    assert (taken - in_the_kernel / size) * (size + 64) < 1.1 * MOST_WAITING
    outbox.end()
    outbox.join()
    far.close()
    near.close()
