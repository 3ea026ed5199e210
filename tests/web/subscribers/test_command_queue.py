"""Commands run in order, while their WebSocket is read."""

from __future__ import annotations

import _thread
import threading

from tests.processes import wait_until
from web.subscribers.command_queue import MAX_QUEUED, CommandQueue


def test_commands_run_in_the_order_in_which_they_were_put():
    queue, done = CommandQueue(), []
    for number in range(100):
        queue.put(lambda number=number: done.append(number))
    queue.join()
    assert done == list(range(100))


def test_put_does_not_wait_until_the_command_has_run():
    queue, go, done = CommandQueue(), threading.Event(), []
    for number in range(MAX_QUEUED):
        queue.put(lambda number=number: (go.wait(), done.append(number)))
    assert done == []
    go.set()
    queue.join()
    assert len(done) == MAX_QUEUED


def test_put_blocks_while_the_queue_is_full():
    queue, go, started = CommandQueue(), threading.Event(), threading.Event()
    queue.put(lambda: (started.set(), go.wait()))
    started.wait()
    for _ in range(MAX_QUEUED):
        queue.put(lambda: None)
    blocked = threading.Thread(target=queue.put, args=(lambda: None,))
    blocked.start()
    blocked.join(0.2)
    assert blocked.is_alive()
    go.set()
    blocked.join()
    queue.join()


def test_the_running_command_can_drop_the_queued_ones():
    queue, go, done = CommandQueue(), threading.Event(), []
    queue.put(lambda: (go.wait(), queue.clear()))
    queue.put(lambda: done.append("dropped"))
    go.set()
    queue.join()
    queue.put(lambda: done.append("later"))
    queue.join()
    assert done == ["later"]


def test_an_empty_queue_has_no_thread():
    queue, before = CommandQueue(), _thread._count()
    queue.put(lambda: None)
    queue.join()
    wait_until(lambda: _thread._count() == before)
