"""What waits for a client is bounded, in bytes and in frames."""

from __future__ import annotations

import socket

import pytest

from web.outbox import MOST_FRAMES, MOST_WAITING, Outbox


@pytest.mark.parametrize(
    ("size", "most"), [(2, MOST_FRAMES), (18, MOST_FRAMES), (1024, MOST_WAITING / 1024)]
)
def test_frames_that_nobody_reads_are_bounded_however_small_they_are(size, most):
    near, far = socket.socketpair()
    outbox = Outbox(near, send_within=60, close_within=1)
    taken = 0
    while outbox.put(b"x" * size):
        taken += 1
        assert taken < 1_000_000
    far.setblocking(False)
    in_the_kernel = len(far.recv(16 * MOST_WAITING)) / size
    assert taken - in_the_kernel <= most + 2  # one is in hand, one in part in the kernel
    outbox.end()
    outbox.join()
    far.close()
    near.close()
