"""Malformed, oversized and slow requests, sent by hand to a running web process."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress

import pytest

from tests.clients import begin
from tests.processes import ROOT, wait_until
from web.server.request_limits import BODY_TIMEOUT, HEAD_TIMEOUT, MAX_BODY_BYTES, MAX_HEAD_BYTES

TIMEOUT = 30.0  # seconds
HEAD = b"%s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n%s\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data; boundary=b"


def head(fields: bytes = CHUNKED, target: bytes = b"POST /token", kind: bytes = JSON) -> bytes:
    return HEAD % (target, kind, fields)


def send(system, data: bytes, *, end: bool = False) -> tuple[int, str, str]:
    """Send bytes and read until the connection ends; return the status, head and body."""
    with closing(socket.create_connection(("127.0.0.1", system.web.port), TIMEOUT)) as connection:
        connection.sendall(data)
        if end:
            connection.shutdown(socket.SHUT_WR)
        return read(connection)


def read(connection: socket.socket) -> tuple[int, str, str]:
    response = b""
    while piece := connection.recv(65536):
        response += piece
    first, _, body = response.decode().partition("\r\n\r\n")
    return int(first.split(" ")[1]), first, body


def refusals(system, before: str) -> list[str]:
    """Wait for a refusal in the log after ``before``; return the lines that were added."""
    wait_until(lambda: "refused" in system.web.output()[len(before) :])
    records = system.web.records(after=len(before))
    assert not any("exc_info" in record or record["level"] == "error" for record in records)
    # The access log may have the line of an earlier request.
    return [record["event"] for record in records if record["logger"] != "gunicorn.access"]


MALFORMED = {
    "a chunk size that is not a number": b"zz\r\nab\r\n0\r\n\r\n",
    "a negative chunk size": b"-1\r\na\r\n",
    "no chunk size": b"\r\n",
    "a chunk size with a sign": b"+1\r\na\r\n0\r\n\r\n",
    "an over-long chunk size": b"0" * 9000,
    "a chunk without its line end": b"1\r\nabcd\r\n",
    "a bare line feed": b"1\na\n0\n\n" + b" " * 9000,
    "a malformed extension": b"1;=\r\na\r\n",
    "an over-long extension": b"1;" + b"a" * 9000,
    "a malformed trailer": b"0\r\nnonsense\r\n\r\n",
    "a field that is forbidden in trailers": b"0\r\nHost: y\r\n\r\n",
    "an over-long trailer": b"0\r\nA: " + b"a" * 8500 + b"\r\n\r\n",
    "an over-long trailer without end": b"0\r\nA: " + b"a" * 30_000,
    "too many trailers": b"0\r\n" + b"A: b\r\n" * 200 + b"\r\n",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_body_is_refused_with_400_and_one_log_line(system, body):
    before = system.web.output()
    status, fields, text = send(system, head() + body)
    assert status == 400
    assert "Connection: close" in fields
    assert "Content-Type: application/json" in fields
    assert set(json.loads(text)) == {"detail"}
    (line,) = refusals(system, before)
    assert "400: POST /token: " in line


@pytest.mark.parametrize("kind", [JSON, FORM, MULTIPART])
@pytest.mark.parametrize(
    "target", [b"POST /token", b"POST /refresh_token", b"DELETE /token", b"GET /test", b"GET /chat"]
)
def test_a_malformed_body_is_refused_on_every_route_and_of_every_type(system, target, kind):
    assert send(system, head(target=target, kind=kind) + b"zz\r\n")[0] == 400
    cut = head(b"Content-Length: 100\r\n", target, kind) + b"name=Ada"
    assert send(system, cut, end=True)[0] == 400


@pytest.mark.parametrize(
    ("body", "fields"),
    [(b"5\r\nab", CHUNKED), (b"", CHUNKED), (b'{"name": "Ada"}', b"Content-Length: 16\r\n")],
)
def test_a_body_that_is_cut_short_is_refused(system, body, fields):
    status, _, text = send(system, head(fields) + body, end=True)
    assert (status, set(json.loads(text))) == (400, {"detail"})


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (head(b"Content-Length: 3\r\n" + CHUNKED) + b"abc", 400),
        (head(b"Content-Length: 3\r\nContent-Length: 4\r\n") + b"abc", 400),
        (head(b"Content-Length: -3\r\n"), 400),
        (head(b"Transfer-Encoding: gzip\r\n"), 400),
        (head(b"Transfer-Encoding: tea\r\n"), 501),
        (head(b"Expect: tea\r\n"), 417),
        (head().replace(b"1.1", b"1.0"), 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01" + b"\r\n", 400),  # a TLS handshake
        (b"GET /" + b"a" * 9000, 414),
        (b"GET /test HTTP/1.1\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET /test HTTP/1.1\r\n" + b"A: b\r\n" * (MAX_HEAD_BYTES // 6), 431),
    ],
)
def test_a_head_that_cannot_be_read_is_refused_in_json(system, data, status):
    got, fields, text = send(system, data)
    assert got == status
    assert "Connection: close" in fields
    assert set(json.loads(text)) == {"detail"}


def test_the_size_limit_of_a_body_counts_bytes_on_the_wire(system):
    tiny = b"1\r\n \r\n"
    assert send(system, head() + tiny * (MAX_BODY_BYTES // len(tiny) + 1))[0] == 413
    fields = b"Connection: close\r\n" + CHUNKED
    name = b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in b'{"name": "Ada"}')
    assert send(system, head(fields) + name + b"0\r\nA: b\r\n\r\n")[0] == 200
    length = b"Connection: close\r\nContent-Length: %d\r\n" % MAX_BODY_BYTES
    assert send(system, head(length) + b'{"name": "Ada"}'.ljust(MAX_BODY_BYTES))[0] == 200


def test_a_client_that_sends_on_can_read_the_refusal_and_is_closed_soon(system):
    with closing(socket.create_connection(("127.0.0.1", system.web.port), TIMEOUT)) as connection:
        connection.sendall(head(b"Content-Length: 1000000000000\r\n"))
        status, _, _ = read(connection)
        assert status == 413
        until = time.monotonic() + TIMEOUT
        with suppress(BrokenPipeError, ConnectionResetError):
            while True:
                assert time.monotonic() < until
                connection.sendall(b"a" * 65536)


def test_100_continue_is_sent_only_if_the_body_will_be_read(system):
    expect = b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n"
    assert send(system, head(expect % 10**9))[0] == 413
    with closing(socket.create_connection(("127.0.0.1", system.web.port), TIMEOUT)) as connection:
        connection.sendall(head(expect % 15))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b'{"name": "Ada"}')
        assert read(connection)[0] == 200


def test_pipelined_requests_are_answered_one_by_one(system):
    with_length = head(b"Content-Length: 15\r\n") + b'{"name": "Ada"}'
    in_chunks = head() + b'f\r\n{"name": "Ada"}\r\n0\r\n\r\n'
    last = b"GET /test HTTP/1.1\r\nConnection: close\r\n\r\n"
    _, first, rest = send(system, (with_length + in_chunks) * 50 + last)
    assert (first + rest).count("HTTP/1.1 200 OK") == 101


def test_a_request_after_one_that_closes_the_connection_is_not_served(system):
    status, _, text = send(system, b"GET /test HTTP/1.0\r\n\r\nGET /test HTTP/1.0\r\n\r\n")
    assert (status, json.loads(text)) == (200, {"msg": "API is Online"})


def test_a_slow_request_has_one_timeout_for_the_whole_head_and_one_for_the_body(system):
    starts = [b"POST /token HTTP/1.1\r\nHost: x\r\n", head(b"Content-Length: 1000\r\n")]
    begun = time.monotonic()
    with ExitStack() as stack:
        responses = {}
        for start in starts:
            connection = socket.create_connection(("127.0.0.1", system.web.port), TIMEOUT)
            stack.enter_context(connection)
            connection.sendall(start)
            connection.settimeout(0.2)
            responses[connection] = b""
        while unanswered := [
            connection for connection, got in responses.items() if not got.endswith(b"}")
        ]:
            assert time.monotonic() - begun < max(HEAD_TIMEOUT, BODY_TIMEOUT) + TIMEOUT
            for connection in unanswered:
                try:
                    responses[connection] += connection.recv(65536)
                except TimeoutError:
                    connection.sendall(b"A")
    assert all(response.startswith(b"HTTP/1.1 408 ") for response in responses.values())


def test_no_token_of_a_malformed_body_reaches_the_log(system):
    token = begin(system.web.url)
    before = system.web.output()
    send(system, head() + f"zz token={token}{'a' * 5000}\r\n".encode())
    (line,) = refusals(system, before)
    assert "token=***" in line
    assert len(line) < 700


def test_loading_the_worker_imports_nothing_that_gevent_must_patch_first():
    check = (
        "import sys, web.server.gunicorn_worker\n"
        "early = {'flask', 'requests', 'urllib3', 'redis', 'kombu', 'web.app'} & set(sys.modules)\n"
        "assert not early, early\n"
    )
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True, timeout=60)
