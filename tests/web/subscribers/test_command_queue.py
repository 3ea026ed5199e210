"""Steps are done in order while their socket goes on being read."""

from __future__ import annotations

import threading

from web.subscribers.command_queue import MAX_QUEUED, CommandQueue


def test_steps_are_done_in_the_order_in_which_they_came():
    inbox, done = CommandQueue(), []
    for number in range(100):
        inbox.put(lambda number=number: done.append(number))
    inbox.join()
    assert done == list(range(100))


def test_who_puts_a_step_does_not_wait_for_it():
    inbox, go, done = CommandQueue(), threading.Event(), []
    for number in range(MAX_QUEUED):
        inbox.put(lambda number=number: (go.wait(), done.append(number)))
    assert done == []
    go.set()
    inbox.join()
    assert len(done) == MAX_QUEUED


def test_only_so_many_steps_wait():
    inbox, go, started = CommandQueue(), threading.Event(), threading.Event()
    inbox.put(lambda: (started.set(), go.wait()))
    started.wait()
    for _ in range(MAX_QUEUED):
        inbox.put(lambda: None)
    blocked = threading.Thread(target=inbox.put, args=(lambda: None,))
    blocked.start()
    blocked.join(0.2)
    assert blocked.is_alive()
    go.set()
    blocked.join()
    inbox.join()


def test_what_waits_can_be_dropped_by_the_step_in_hand():
    inbox, go, done = CommandQueue(), threading.Event(), []
    inbox.put(lambda: (go.wait(), inbox.drop()))
    inbox.put(lambda: done.append("dropped"))
    go.set()
    inbox.join()
    inbox.put(lambda: done.append("later"))
    inbox.join()
    assert done == ["later"]


def test_an_idle_inbox_has_no_thread():
    inbox = CommandQueue()
    inbox.put(lambda: None)
    inbox.join()
    assert "inbox" not in [thread.name for thread in threading.enumerate() if thread.is_alive()]
