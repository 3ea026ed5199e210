"""Whatever a model's server answers, the number of requests is bounded, with pauses between them.

The server is real. The figures are those of production, but the pauses take no time (`FastCall`).
"""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from chat.errors import ModelError, ModelTimeout
from chat.settings import load_settings
from tasks.models import Call, Restart, model_for
from tasks.models.retry_policy import INITIAL_BACKOFF, MAX_BACKOFF, MAX_REQUESTS, MAX_TRIES
from tasks.prompt import PromptMessage
from tests.processes import free_port
from tests.tasks.models.conftest import PATHS, FastCall, text_of
from tests.tasks.models.raw_server import Answer, cut_stream, head, http, raw_server, stream

MODEL_TIMEOUT = 120.0
MAX_WHILE_LOADING = MODEL_TIMEOUT / MAX_BACKOFF + 5

TEXT_EVENT: dict[str, Callable[[str], Any]] = {
    "hugging face": lambda text: {"index": 1, "token": {"text": text, "special": False}},
    "completions": lambda text: {"choices": [{"text": text, "finish_reason": None}]},
    "chat": lambda text: {"choices": [{"delta": {"content": text}, "finish_reason": None}]},
}
PARTIAL = " so far"


class Outcome:
    """The text and the error that a model gives for a message, and the pauses of its call."""

    def __init__(self, url: str, partial_text: str = "") -> None:
        self.text, self.error = partial_text, ""
        call = FastCall(MODEL_TIMEOUT)
        try:
            for item in model_for(load_settings({"MODEL_URL": url})).answer(
                [PromptMessage("human", "hello " * 50)], partial_text, call
            ):
                if isinstance(item, Restart):
                    self.text = ""
                self.text += text_of([item])
        except ModelError as error:  # any other exception fails the test
            self.error = error.code
        self.pauses = call.pauses


def count_requests(
    protocol: str, *answers: Answer, reads_request: bool = True, partial_text: str = ""
) -> int:
    """Return how many requests a server gets that answers with ``answers``.

    Asserts that the pauses between the requests grow, and that no text is lost.
    """
    with raw_server(*answers, reads_request=reads_request) as server:
        outcome = Outcome(server.url + PATHS[protocol], partial_text)
        # The list of models, which is read once, is not counted.
        requests = sum(not request.startswith(b"GET ") for request in server.requests)
    assert requests - 1 <= len(outcome.pauses) <= requests
    for number, pause in enumerate(outcome.pauses):
        assert pause >= min(INITIAL_BACKOFF * 2**number, MAX_BACKOFF)
    had_text = partial_text or len(answers) > 1
    assert outcome.text.strip() or not had_text
    assert outcome.error or outcome.text
    return requests


def error(status: str, body: Any = None, **headers: str) -> bytes:
    return http({"error": "refused"} if body is None else body, status, **headers)


def page(body: bytes, kind: str) -> bytes:
    return http(body, **{"Content-Type": kind})


def endless(begin: bytes, more: bytes) -> Answer:
    def send(client: socket.socket) -> None:
        with suppress(OSError):
            client.sendall(begin)
            while True:
                client.sendall(more)

    return send


def shut_down(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_RDWR)


DEEP_JSON = b"[" * 100_000
HUGE_NUMBER = b"1" + b"0" * 400
RETRY_AFTER = ["0", "-1", "0.0001", "5", "1e9", "1e999", "nan", "soon"]
RETRY_AFTER += ["Fri, 05 Apr 2002 00:00:00 GMT", "Mon, 17 Jul 2051 00:00:00 GMT"]  # past, future
RETRY_AFTER += ["Mon, 01 Jan 0001 00:00:00 -0000", "Fri, 31 Dec 9999 23:59:59 -2359"]
STATUSES = [201, 204, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 413, 422, 424, 425, 429]
STATUSES += [500, 501, 502, 503, 504, 529, 999]

# Answers without any text.
ANSWERS: dict[str, Answer] = {
    **{str(status): error(f"{status} Status", Location="/elsewhere") for status in STATUSES},
    "too long": error("400 Bad", {"error": "the prompt has too many tokens"}),
    "too long, with Retry-After": error("422 Bad", {"error": "length"}, **{"Retry-After": "0"}),
    "an error page": error("400 Bad", b"<html>no"),
    "a deeply nested error": error("503 Status", DEEP_JSON),
    "an error of another shape": error(
        "400 Bad", {"error": {"message": [{}]}, "detail": [1, None]}
    ),
    "empty": page(b"", "application/json"),
    "html": page(b"<html>It works!", "text/html"),
    "plain text": page(b"Hello, I am a model", "text/plain"),
    "a stream under a wrong type": page(b'data: {"choices": [{"text": "a"}]}\n\n', "text/plain"),
    "bytes": page(b"\xff\xfe\x00", "application/json"),
    "deep": page(DEEP_JSON, "application/json"),
    "a stream without events": stream(),
    "not gzip": http(b"no", **{"Content-Encoding": "gzip"}),
    "half of gzip": http(gzip.compress(b"{}" * 99)[:20], **{"Content-Encoding": "gzip"}),
    "a short body": http(b"{}", **{"Content-Length": "99"}),
    "a wrong length": http(b"{}", **{"Content-Length": "-5"}),
    "two lengths": head("200 OK", **{"Content-Length": "2", "content-length": "3"}) + b"{}",
    "no chunk": head("200 OK", **{"Transfer-Encoding": "chunked"}) + b"zz\r\nno\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/0.9": b"Hello!",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "zeros": b"\0" * 5000,
    "shut down": shut_down,
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Ty",
    "endless headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-Header: value\r\n" * 100),
    "an endless header": endless(b"HTTP/1.1 200 OK\r\nX-Header: ", b"x" * 65536),
    "an endless status": endless(b"HTTP/1.1 200 ", b"x" * 65536),
    **{
        f"a body of {value[:20].decode()}": page(value, "application/json")
        for value in [b"null", b"true", b"1", b'"a"', b"[]", b"{}", b"[[]]", b"[null]", b"NaN"]
        + [b'{"choices": %s}' % each for each in (b"null", b"[]", b"[1]", b"7", b'[{"text": []}]')]
        + [b'{"generated_text": 7}', b'[{"generated_text": null}]', b'{"error": "no"}']
        + [b'{"choices": [{"message": null}]}', b'{"choices": [{"message": {"content": 7}}]}']
    },
}
WITH_RETRY_AFTER: dict[str, Answer] = {
    f"{status} after {value[:30]}": error(f"{status} Status", **{"Retry-After": value})
    for status in (429, 503)
    for value in RETRY_AFTER
}
LOADING: dict[str, Answer] = {
    estimate.decode()[:30]: error("503 Status", b'{"error": "", "estimated_time": %s}' % estimate)
    for estimate in [
        b"0",
        b"-1",
        b"0.001",
        b"20",
        b"1e9",
        b"1e999",
        b"NaN",
        HUGE_NUMBER,
        b"true",
        b'"7"',
    ]
}
NO_ESTIMATE: dict[str, Answer] = {
    estimate.decode(): error("503 Status", b'{"error": "", "estimated_time": %s}' % estimate)
    for estimate in [b"null", b'"soon"', b"[]", b"{}"]
}
# Bytes in a stream where an event should be.
EVENTS: dict[str, bytes] = {
    "cut": b"",
    "half an event": b'data: {"cho',
    "ping": b'event: ping\ndata: {"type": "ping"}\n\n',
    "empty ping": b"event: ping\ndata:\n\n",
    "word": b"data: ping\n\n",
    "comment": b": ping\n\n",
    "done": b"data: [DONE]\n\n",
    "done and a space": b"data: [DONE] \n\n",
    "done, twice spaced": b"data:  [DONE]  \n\n",
    "done in lower case": b"data: [done]\n\n",
    "bytes": b"data: \xff\xfe\n\n",
    "deep": b"data: %s\n\n" % DEEP_JSON,
    "huge number": b"data: %s\n\n" % (b"9" * 5000),
    "html": b"<html>502 Bad Gateway</html>",
    **{
        value.decode(): b"data: %s\n\n" % value
        for value in [b"null", b"true", b"1", b'"a"', b"[]", b"{}", b"[null]", b"NaN"]
        + [b'{"choices": %s}' % each for each in (b"null", b"[]", b"{}", b"7", b'"a"', b"[null]")]
        + [b'{"choices": [{"text": 7, "delta": {"content": 7}}]}', b'{"choices": [{"delta": []}]}']
        + [b'{"token": null}', b'{"token": {}}', b'{"token": {"text": []}}', b'{"detail": "no"}']
        + [
            b'{"error": %s}' % each
            for each in (b'"no"', b"null", b"7", b'{"message": null}', b"[]")
        ]
        + [b'{"error": "index is out of bounds"}', b'{"object": "error", "message": "no"}']
        + [b'{"error": "no", "error_type": "%s"}' % each for each in (b"validation", b"overloaded")]
        + [b'{"error": {"code": 429, "message": "slow down"}}', b'{"finish_reason": "stop"}']
    },
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_a_bad_answer_without_text_gets_four_requests_at_most(protocol, answer):
    reads_request = answer is not shut_down and (
        not isinstance(answer, bytes) or answer.startswith(b"HTTP/1")
    )
    assert count_requests(protocol, answer, reads_request=reads_request) <= MAX_TRIES


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_a_bad_answer_after_some_text_gets_four_further_requests_at_most(protocol, answer):
    broken = cut_stream(TEXT_EVENT[protocol](PARTIAL))
    assert count_requests(protocol, broken, answer) <= 1 + MAX_TRIES
    assert count_requests(protocol, answer, partial_text="from another worker") <= 1 + MAX_TRIES


@pytest.mark.parametrize("answer", WITH_RETRY_AFTER.values(), ids=WITH_RETRY_AFTER.keys())
def test_any_retry_after_gets_four_requests_at_most(answer):
    assert count_requests("chat", answer) <= MAX_TRIES
    assert count_requests("chat", cut_stream(TEXT_EVENT["chat"](PARTIAL)), answer) <= 1 + MAX_TRIES


@pytest.mark.parametrize("answer", LOADING.values(), ids=LOADING.keys())
def test_a_model_that_loads_for_ever_gets_requests_less_and_less_often(protocol, answer):
    assert MAX_TRIES < count_requests(protocol, answer) <= MAX_WHILE_LOADING
    broken = cut_stream(TEXT_EVENT[protocol](PARTIAL))
    assert count_requests(protocol, broken, answer) <= MAX_WHILE_LOADING


@pytest.mark.parametrize("answer", NO_ESTIMATE.values(), ids=NO_ESTIMATE.keys())
def test_a_503_without_an_estimate_does_not_count_as_loading(protocol, answer):
    assert count_requests(protocol, answer) == MAX_TRIES


@pytest.mark.parametrize(
    ("protocol", "server"), [*((protocol, "nginx") for protocol in PATHS), ("chat", "llama.cpp")]
)
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_requests_are_bounded_for_a_bad_event_before_and_after_text(protocol, event, server):
    begin = head("200 OK", **{"Content-Type": "text/event-stream", "Server": server})
    bad = begin + event
    text = b"data: %s\n\n" % json.dumps(TEXT_EVENT[protocol](PARTIAL)).encode()
    assert count_requests(protocol, bad) <= MAX_TRIES
    assert count_requests(protocol, cut_stream(TEXT_EVENT[protocol](PARTIAL)), bad) <= 1 + MAX_TRIES
    assert count_requests(protocol, bad, partial_text="from another worker") <= 1 + MAX_TRIES
    most = MAX_REQUESTS if protocol != "chat" or server == "llama.cpp" else MAX_TRIES
    assert count_requests(protocol, begin + text + event) <= most


def test_streams_that_break_after_new_text_get_twelve_requests(protocol):
    """As documented in docs/models.md. Four if the server cannot continue: no text is new then."""
    requests = count_requests(protocol, cut_stream(TEXT_EVENT[protocol](PARTIAL)))
    assert requests == (MAX_TRIES if protocol == "chat" else MAX_REQUESTS)


@pytest.mark.parametrize(
    "event",
    [b"data: [DONE] \n\n", b"event: ping\ndata: {}\n\ndata: [DONE]\n\n", b": x\n\ndata: [DONE]"],
)
@pytest.mark.parametrize("protocol", ["completions", "chat"])
def test_events_without_text_are_ignored(protocol, event):
    with raw_server(stream(TEXT_EVENT[protocol](PARTIAL)) + event) as server:
        outcome = Outcome(server.url + PATHS[protocol])
        assert (outcome.text, outcome.error, len(server.requests)) == ("so far", "", 1)


def test_the_partial_text_stays_if_no_other_text_arrives():
    """A server that cannot continue voids the partial text with its first text, not before."""
    with raw_server(cut_stream(TEXT_EVENT["chat"](PARTIAL)), error("401 Unauthorized")) as server:
        outcome = Outcome(server.url + PATHS["chat"])
        assert (outcome.text, outcome.error) == ("so far", "model_refused")
        assert len(server.requests) == 2


def test_a_closed_port_gets_four_requests(protocol):
    outcome = Outcome(f"http://127.0.0.1:{free_port()}{PATHS[protocol]}")
    assert (len(outcome.pauses), outcome.error) == (MAX_TRIES - 1, "model_unavailable")


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad\r\n\r\n", b"\x16\x03\x01" * 99, shut_down])
def test_a_server_of_another_protocol_gets_four_requests_at_most(scheme, answer):
    with raw_server(answer, reads_request=False) as server:
        outcome = Outcome(f"{scheme}://{server.address}/v1/completions")
        assert outcome.error
        assert 1 <= len(server.requests) <= MAX_TRIES


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Header: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    ],
)
def test_a_head_without_end_is_a_timeout(begin, more):
    def trickle(client: socket.socket) -> None:
        client.sendall(begin)
        while True:
            client.sendall(more)
            time.sleep(0.05)

    with raw_server(trickle) as server:
        model = model_for(load_settings({"MODEL_URL": server.url}))
        with pytest.raises(ModelTimeout):
            list(model.answer([PromptMessage("human", "hello")], "", Call(time.monotonic() + 0.5)))
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["429 Busy", "503 Loading", "500 Broken"])
def test_a_retry_after_of_zero_does_not_shorten_the_pause(status):
    """With a real clock: the other tests skip the pauses."""
    body = {"error": "", "estimated_time": 0} if "503" in status else {}
    with raw_server(error(status, body, **{"Retry-After": "0"})) as server:
        model = model_for(load_settings({"MODEL_URL": server.url}))
        with pytest.raises(ModelError):
            list(model.answer([PromptMessage("human", "hello")], "", Call(time.monotonic() + 1.2)))
        assert len(server.requests) == 2
