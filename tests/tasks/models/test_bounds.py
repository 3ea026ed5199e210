"""However wrong a model's server answers, it is asked a bounded number of times, with pauses.

The server is real and counts; only the pauses take no time (`Hurried`), so that the figures are
those of production.
"""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from chat.errors import ModelError, ModelTimeout
from chat.settings import load_settings
from tasks.models import Call, Restart, Wait, model_for
from tasks.models.retry import BACK_OFF, MAX_BACK_OFF, MAX_TRIES, MOST_REQUESTS
from tasks.prompt import Line
from tests.processes import free_port
from tests.tasks.models.conftest import PATHS, Hurried
from tests.tasks.models.raw import Answer, head, http, raw, stream

MODEL_TIMEOUT = 120.0
MOST_WHILE_LOADING = MODEL_TIMEOUT / MAX_BACK_OFF + 5

TEXT: dict[str, Callable[[str], Any]] = {
    "hugging face": lambda said: {"index": 1, "token": {"text": said, "special": False}},
    "completions": lambda said: {"choices": [{"text": said, "finish_reason": None}]},
    "chat": lambda said: {"choices": [{"delta": {"content": said}, "finish_reason": None}]},
}
BEGUN = " so far"


class Outcome:
    """What became of a message, and what its server saw."""

    def __init__(self, url: str, said: str = "") -> None:
        self.text, self.error = said, ""
        call = Hurried(MODEL_TIMEOUT)
        try:
            for piece in model_for(load_settings({"MODEL_URL": url})).answer(
                [Line("human", "hello " * 50)], said, call
            ):
                if isinstance(piece, Restart):
                    self.text = ""
                elif not isinstance(piece, Wait):
                    self.text += piece
        except ModelError as error:  # nothing else may come out
            self.error = error.code
        self.pauses = call.pauses


def ask(protocol: str, *answers: Answer, hasty: bool = False, said: str = "") -> int:
    """Ask a server that answers like this; return the number of its requests.

    The pauses between them grow, and the text that was there is still there.
    """
    with raw(*answers, hasty=hasty) as server:
        outcome = Outcome(server.url + PATHS[protocol], said)
        asked = len(server.asked)
    assert asked - 1 <= len(outcome.pauses) <= asked
    for number, pause in enumerate(outcome.pauses):
        assert pause >= min(BACK_OFF * 2**number, MAX_BACK_OFF)
    begun = said or len(answers) > 1
    assert outcome.text.strip() or not begun
    assert outcome.error or outcome.text
    return asked


def then(status: str, body: Any = None, **headers: str) -> bytes:
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


def shut(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_RDWR)


DEEP = b"[" * 100_000
HUGE = b"1" + b"0" * 400
DATE = datetime.now(UTC)
AFTER = ["0", "-1", "0.0001", "5", "1e9", "1e999", "nan", "soon"] + [
    format_datetime(DATE + timedelta(days=days), usegmt=True) for days in (-9000, 9000)
]
AFTER += ["Mon, 01 Jan 0001 00:00:00 -0000", "Fri, 31 Dec 9999 23:59:59 -2359"]
STATUSES = [201, 204, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 413, 422, 424, 425, 429]
STATUSES += [500, 501, 502, 503, 504, 529, 999]

# Whole answers that are wrong from their first byte.
ANSWERS: dict[str, Answer] = {
    **{str(status): then(f"{status} Status", Location="/elsewhere") for status in STATUSES},
    "too long": then("400 Bad", {"error": "the prompt has too many tokens"}),
    "too long, and later": then("422 Bad", {"error": "length"}, **{"Retry-After": "0"}),
    "refused in a page": then("400 Bad", b"<html>no"),
    "refused deeply": then("503 Status", DEEP),
    "refused in strange words": then("400 Bad", {"error": {"message": [{}]}, "detail": [1, None]}),
    "empty": page(b"", "application/json"),
    "html": page(b"<html>It works!", "text/html"),
    "plain text": page(b"Hello, I am a model", "text/plain"),
    "a stream under a wrong type": page(b'data: {"choices": [{"text": "a"}]}\n\n', "text/plain"),
    "bytes": page(b"\xff\xfe\x00", "application/json"),
    "deep": page(DEEP, "application/json"),
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
    "closed": shut,
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
NAMES_A_TIME: dict[str, Answer] = {
    f"{status} after {value[:30]}": then(f"{status} Status", **{"Retry-After": value})
    for status in (429, 503)
    for value in AFTER
}
LOADING: dict[str, Answer] = {
    estimate.decode()[:30]: then("503 Status", b'{"error": "", "estimated_time": %s}' % estimate)
    for estimate in [b"0", b"-1", b"0.001", b"20", b"1e9", b"1e999", b"NaN", HUGE, b"true", b'"7"']
}
NO_LOADING: dict[str, Answer] = {
    estimate.decode(): then("503 Status", b'{"error": "", "estimated_time": %s}' % estimate)
    for estimate in [b"null", b'"soon"', b"[]", b"{}"]
}
# What may come in a stream where an event should be.
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
    "deep": b"data: %s\n\n" % DEEP,
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
def test_a_wrong_answer_before_any_text_is_asked_for_four_times_at_most(protocol, answer):
    hasty = answer is shut or (isinstance(answer, bytes) and not answer.startswith(b"HTTP/1"))
    assert ask(protocol, answer, hasty=hasty) <= MAX_TRIES


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_a_wrong_answer_after_some_text_is_asked_for_four_times_at_most(protocol, answer):
    begun = stream(TEXT[protocol](BEGUN))
    assert ask(protocol, begun, answer) <= 1 + MAX_TRIES
    assert ask(protocol, answer, said="what a dead worker left") <= 1 + MAX_TRIES


@pytest.mark.parametrize("answer", NAMES_A_TIME.values(), ids=NAMES_A_TIME.keys())
def test_whatever_time_a_server_names_it_is_asked_four_times_at_most(answer):
    assert ask("chat", answer) <= MAX_TRIES
    assert ask("chat", stream(TEXT["chat"](BEGUN)), answer) <= 1 + MAX_TRIES


@pytest.mark.parametrize("answer", LOADING.values(), ids=LOADING.keys())
def test_a_model_that_loads_for_ever_is_asked_more_and_more_seldom(protocol, answer):
    assert MAX_TRIES < ask(protocol, answer) <= MOST_WHILE_LOADING
    assert ask(protocol, stream(TEXT[protocol](BEGUN)), answer) <= MOST_WHILE_LOADING


@pytest.mark.parametrize("answer", NO_LOADING.values(), ids=NO_LOADING.keys())
def test_a_503_that_estimates_nothing_is_no_loading(protocol, answer):
    assert ask(protocol, answer) == MAX_TRIES


@pytest.mark.parametrize(
    ("protocol", "server"), [*((protocol, "nginx") for protocol in PATHS), ("chat", "llama.cpp")]
)
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_a_wrong_event_is_bounded_before_text_after_text_and_after_more_text_each_time(
    protocol, event, server
):
    begin = head("200 OK", **{"Content-Type": "text/event-stream", "Server": server})
    text = b"data: %s\n\n" % json.dumps(TEXT[protocol](BEGUN)).encode()
    assert ask(protocol, begin + event) <= MAX_TRIES
    assert ask(protocol, begin + text, begin + event) <= 1 + MAX_TRIES
    assert ask(protocol, begin + event, said="what a dead worker left") <= 1 + MAX_TRIES
    most = MOST_REQUESTS if protocol != "chat" or server == "llama.cpp" else MAX_TRIES
    assert ask(protocol, begin + text + event) <= most


def test_streams_that_bring_text_and_break_are_asked_for_twelve_times(protocol):
    """So says docs/models.md; a chat server that cannot continue gains nothing, and has four."""
    asked = ask(protocol, stream(TEXT[protocol](BEGUN)))
    assert asked == (MAX_TRIES if protocol == "chat" else MOST_REQUESTS)


@pytest.mark.parametrize(
    "event",
    [b"data: [DONE] \n\n", b"event: ping\ndata: {}\n\ndata: [DONE]\n\n", b": x\n\ndata: [DONE]"],
)
@pytest.mark.parametrize("protocol", ["completions", "chat"])
def test_what_carries_no_text_is_no_obstacle(protocol, event):
    with raw(stream(TEXT[protocol](BEGUN)) + event) as server:
        outcome = Outcome(server.url + PATHS[protocol])
        assert (outcome.text, outcome.error, len(server.asked)) == ("so far", "", 1)


def test_what_was_said_stays_where_another_beginning_never_comes():
    """A chat server that cannot continue voids it with its first new word, not before."""
    with raw(stream(TEXT["chat"](BEGUN)), then("401 Unauthorized")) as server:
        outcome = Outcome(server.url + PATHS["chat"])
        assert (outcome.text, outcome.error) == ("so far", "model_refused")
        assert len(server.asked) == 2


def test_a_closed_port_is_tried_four_times(protocol):
    outcome = Outcome(f"http://127.0.0.1:{free_port()}{PATHS[protocol]}")
    assert (len(outcome.pauses), outcome.error) == (MAX_TRIES - 1, "model_unavailable")


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad\r\n\r\n", b"\x16\x03\x01" * 99, shut])
def test_a_server_that_does_not_speak_the_scheme_is_tried_four_times(scheme, answer):
    with raw(answer, hasty=True) as server:
        outcome = Outcome(f"{scheme}://{server.place}/v1/completions")
        assert outcome.error
        assert 1 <= len(server.asked) <= MAX_TRIES


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Header: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    ],
)
def test_a_head_that_never_ends_takes_no_longer_than_there_is(begin, more):
    def trickle(client: socket.socket) -> None:
        client.sendall(begin)
        while True:
            client.sendall(more)
            time.sleep(0.05)

    with raw(trickle) as server:
        model = model_for(load_settings({"MODEL_URL": server.url}))
        with pytest.raises(ModelTimeout):
            list(model.answer([Line("human", "hello")], "", Call(time.monotonic() + 0.5)))
        assert len(server.asked) == 1


@pytest.mark.parametrize("status", ["429 Busy", "503 Loading", "500 Broken"])
def test_a_server_that_says_to_come_back_at_once_is_given_its_pause_by_the_clock(status):
    """The same with a clock that is not hurried."""
    body = {"error": "", "estimated_time": 0} if "503" in status else {}
    with raw(then(status, body, **{"Retry-After": "0"})) as server:
        model = model_for(load_settings({"MODEL_URL": server.url}))
        with pytest.raises(ModelError):
            list(model.answer([Line("human", "hello")], "", Call(time.monotonic() + 1.2)))
        assert len(server.asked) == 2
