"""The wire, against a server that sends what a test wants, byte by byte."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from web.terminal import link as wire
from web.terminal import liveness
from web.terminal.link import EVENTS, Link, SilentError

ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


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


def frame(text):
    data = text.encode()
    return bytes([0x81, 126]) + len(data).to_bytes(2, "big") + data


@contextmanager
def linked(serve):
    """Give a link to a server that runs ``serve(connection, heard)``; ``heard`` grows by frames."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard = []

    def hear(connection):
        with suppress(OSError, ValueError):
            while head := connection.recv(2, socket.MSG_WAITALL):
                body = connection.recv(4 + (head[1] & 127), socket.MSG_WAITALL)
                heard.append(bytes(c ^ body[n % 4] for n, c in enumerate(body[4:])))

    def run():
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            asked = b""
            while not asked.endswith(b"\r\n\r\n"):
                asked += connection.recv(4096)
            key = next(
                x.split()[1] for x in asked.split(b"\r\n") if x.startswith(b"Sec-WebSocket-K")
            )
            answer = base64.b64encode(hashlib.sha1(key + ACCEPT).digest()).decode()  # noqa: S324
            head = (
                "HTTP/1.1 101 Switching Protocols",
                "Upgrade: websocket",
                "Connection: Upgrade",
                f"Sec-WebSocket-Accept: {answer}",
                f"Sec-WebSocket-Protocol: {EVENTS}",
            )
            connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
            threading.Thread(target=hear, args=[connection], daemon=True).start()
            serve(connection, heard)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    link = Link(f"http://127.0.0.1:{listener.getsockname()[1]}", "token")
    try:
        yield link, heard
    finally:
        link.close()
        thread.join()
        listener.close()


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
