"""The wire, against a server that sends what a test wants, byte by byte."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager

import pytest

from terminal import link as wire
from terminal import liveness
from terminal.websocket_client import Link, SilentError
from tests.terminal.raw_server import frame, raw_server


@pytest.fixture(autouse=True)
def _a_tenth_of_all_times(monkeypatch):
    for module, name in (
        (liveness, "UNSEEN"),
        (liveness, "PONG_WITHIN"),
        (liveness, "PING_AFTER_DUE"),
        (liveness, "PING_AFTER_IDLE"),
        (wire, "LOOK_EVERY"),
        (wire, "STALLED"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name) / 10)


@contextmanager
def linked(serve):
    """Give a link to a server that runs ``serve(connection, heard)``, and what it has heard."""
    with raw_server(serve) as (url, heard):
        link = Link(url, "token")
        try:
            yield link, heard
        finally:
            link.close()


def is_due():
    return True


def test_silence_is_pinged_once_and_is_the_end():
    over = threading.Event()
    with linked(lambda *_: over.wait(30)) as (link, heard):
        with pytest.raises(SilentError):
            link.receive(is_due)
        over.set()
        assert [json.loads(each) for each in heard] == [{"type": "ping"}]


@pytest.mark.parametrize("answer", [frame('{"type": "pong"}'), b"\x89\x00", b"\x8a\x00"])
def test_any_frame_that_answers_a_ping_keeps_the_link(answer):
    def serve(connection, heard):
        for times in (1, 2, 3):
            while heard.count(b'{"type": "ping"}') < times:
                time.sleep(0.01)
            connection.sendall(answer)
        connection.sendall(frame('{"type": "history"}'))
        time.sleep(1)

    with linked(serve) as (link, _):
        while (got := link.receive(is_due)) == {"type": "pong"}:
            pass
        assert got == {"type": "history"}


def test_a_large_frame_on_a_slow_line_is_read_whole_though_no_other_comes_meanwhile():
    text = json.dumps({"type": "history", "messages": ["x" * 400]})
    lasts = 2.5 * (liveness.PING_AFTER_DUE + liveness.PONG_WITHIN)

    def serve(connection, _):
        whole = frame(text)
        for n in range(0, len(whole), 16):
            connection.sendall(whole[n : n + 16])
            time.sleep(lasts * 16 / len(whole))
        time.sleep(1)

    with linked(serve) as (link, _):
        assert link.receive(is_due) == json.loads(text)


def test_a_frame_that_stands_still_in_its_middle_is_a_silence():
    over = threading.Event()

    def serve(connection, _):
        connection.sendall(frame("x" * 200)[:100])
        over.wait(30)

    with linked(serve) as (link, _):
        with pytest.raises(SilentError):
            link.receive(is_due)
        over.set()
