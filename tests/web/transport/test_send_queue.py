"""The queue of frames for one client is bounded, in bytes and in frames."""

from __future__ import annotations

import socket

import pytest

from web.transport.send_queue import MAX_FRAMES, MAX_QUEUED_BYTES, SendQueue


@pytest.mark.parametrize(
    ("size", "max_frames"), [(2, MAX_FRAMES), (18, MAX_FRAMES), (1024, MAX_QUEUED_BYTES / 1024)]
)
def test_the_queue_is_bounded_for_frames_of_any_size(size, max_frames):
    near, far = socket.socketpair()
    queue = SendQueue(near, send_timeout=60, close_timeout=1)
    accepted = 0
    while queue.put(b"x" * size):
        accepted += 1
        assert accepted < 1_000_000
    far.setblocking(False)
    in_the_kernel = len(far.recv(16 * MAX_QUEUED_BYTES)) / size
    # One more is being written, and one is partly in the kernel.
    assert accepted - in_the_kernel <= max_frames + 2
    queue.abort()
    queue.join()
    far.close()
    near.close()
