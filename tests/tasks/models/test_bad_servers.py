"""Servers that misbehave: a request ends in time, leaks nothing, and bad answers are refused."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chat.errors import ModelRefused, ModelTimeout, ModelUnavailable
from chat.settings import load_settings
from tasks.models import Call, Cancelled, Model, RetryNotice, connection, model_for
from tasks.prompt import PromptMessage
from tests.processes import free_port
from tests.tasks.models.conftest import PATHS, Reply
from tests.tasks.models.raw_server import RawServer, cut_stream, head, http, raw_server, stream

MEGABYTE = 2**20


def model_at(server: RawServer, protocol: str = "completions", **env: str) -> Model:
    return model_for(load_settings({"MODEL_URL": server.url + PATHS[protocol], **env}))


def event(text: str, finish_reason: str | None = None) -> dict:
    """Return an event of the completions protocol."""
    return {"choices": [{"text": text, "finish_reason": finish_reason}]}


DONE = stream(event("a whole"), event(" answer", "stop"))
WHOLE = "a whole answer"


# the log


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
def test_a_key_in_an_unreachable_url_is_not_logged(host, caplog):
    url = f"http://{host}:{free_port()}/v1/completions?key=hidden"
    with caplog.at_level(logging.INFO), pytest.raises(ModelUnavailable) as failure:
        Reply(model_for(load_settings({"MODEL_URL": url})), "hello")
    assert "hidden" not in caplog.text
    assert "hidden" not in str(failure.value)
    assert "ConnectionError" in caplog.text


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_prompt_repeated_in_an_error_message_is_not_logged(wrapped, caplog):
    errors = [{"loc": ["body", "x"], "msg": "Field required", "input": {"prompt": "secret"}}]
    body = {"message": str(errors)} if wrapped else {"detail": errors}
    caplog.set_level(logging.INFO)
    with raw_server(http(body, "422 Unprocessable")) as server, pytest.raises(ModelRefused):
        Reply(model_at(server), "secret")
    assert "Field required" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("body", [["a"], {"detail": ["a", None, {}]}, {"error": {"message": 7}}])
def test_an_error_of_any_shape_is_a_refusal(body):
    with raw_server(http(body, "400 Bad")) as server, pytest.raises(ModelRefused, match="HTTP 400"):
        Reply(model_at(server), "hello")


# bodies


@pytest.mark.parametrize("chunked", [False, True])
def test_a_compressed_answer_is_read(chunked):
    body = gzip.compress(json.dumps(event(WHOLE, "stop")).encode())
    answer = http(body, **{"Content-Encoding": "gzip"})
    if chunked:
        fields = {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}
        answer = head("200 OK", **fields) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with raw_server(answer) as server:
        assert Reply(model_at(server), "hello").text == WHOLE


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("completions", {"choices": [{"text": None}]}),
        ("chat", {"choices": [{"message": {"content": None}}]}),
        ("hugging face", [{"generated_text": None}]),
    ],
)
def test_an_answer_without_text_is_refused(protocol, body):
    with raw_server(http(body)) as server, pytest.raises(ModelRefused):
        Reply(model_at(server, protocol), "hello")


@pytest.mark.parametrize(
    ("protocol", "bad_event"),
    [
        ("completions", {"chosen": [{"text": "a"}]}),
        ("chat", {"delta": None, "kontent": "a"}),
        ("hugging face", ["a"]),
    ],
)
def test_an_answer_whose_events_all_have_other_shapes_is_refused(protocol, bad_event):
    with (
        raw_server(stream(bad_event)) as server,
        pytest.raises(ModelRefused, match="not of the protocol"),
    ):
        Reply(model_at(server, protocol), "hello")


@pytest.mark.parametrize(
    "begin",
    [
        stream() + b"data: ",
        stream(),
        head("200 OK", **{"Content-Type": "application/json"}),
        head("400 Bad", **{"Content-Type": "application/json"}),
    ],
    ids=["line", "stream", "body", "refusal"],
)
def test_an_answer_without_end_is_refused(begin):
    sent = []

    def endless(client: socket.socket) -> None:
        client.sendall(begin)
        chunk = b"data: {}\n" * 7000 if begin == stream() else b"x" * 65536
        while sum(sent) < 100 * MEGABYTE:  # unless the client closes the connection
            client.sendall(chunk)
            sent.append(len(chunk))

    with raw_server(endless) as server, pytest.raises(ModelRefused):
        Reply(model_at(server), "hello", timeout=60)
    assert sum(sent) < 50 * MEGABYTE


def test_comments_and_fields_without_a_space_are_parsed():
    data = [b": ping\n\n", b"event: message\n", b"data:%s\n\n" % json.dumps(event(WHOLE)).encode()]
    usage = {"choices": [], "usage": {"total_tokens": 9}}
    end = b"data:%s\n\ndata: [DONE]\n\n" % json.dumps(usage).encode()
    with raw_server(stream() + b"".join(data) + end) as server:
        assert Reply(model_at(server), "hello").text == WHOLE


def test_a_redirect_is_not_followed_since_the_key_would_be_sent_there():
    with raw_server(DONE) as elsewhere:
        away = http({}, "307 Temporary Redirect", Location=elsewhere.url)
        with raw_server(away) as server, pytest.raises(ModelRefused, match="HTTP 307"):
            Reply(model_at(server, HUGGINGFACE_INFERENCE_TOKEN="key"), "hello")
        assert not elsewhere.requests


# errors in mid-stream


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "out of memory"}},
        {"error": "out of memory"},
        {"object": "error", "message": "out of memory", "code": 500},
    ],
)
@pytest.mark.parametrize("protocol", ["completions", "chat"])
def test_each_form_of_an_error_in_mid_stream_is_recognized(protocol, error):
    with raw_server(stream(error)) as server:
        with pytest.raises(ModelUnavailable, match="out of memory"):
            Reply(model_at(server, protocol), "hello")
        assert len(server.requests) == 4


def test_a_context_exceeded_in_mid_stream_is_retried_with_half_the_prompt():
    error = {"error": "index 2048 is out of bounds for dimension 0 with size 2048"}
    with raw_server(stream(error), DONE) as server:
        assert Reply(model_at(server), "x" * 9000).text == WHOLE
        first, second = (len(server.body(number)["prompt"]) for number in range(2))
    assert second < 0.6 * first


def test_pending_text_is_not_yielded_twice_after_that():
    error = {"error": "index 2048 is out of bounds for dimension 0 with size 2048"}
    rest = stream(event(" answer", "stop"))
    with raw_server(stream(event("a whole"), event(" "), error), rest) as server:
        assert Reply(model_at(server), "hello").text == WHOLE


def test_a_request_that_is_too_large_is_retried_with_half_the_prompt():
    with raw_server(http(b"<html>", "413 Request Entity Too Large"), DONE) as server:
        assert Reply(model_at(server), "x" * 9000).text == WHOLE
        assert len(server.requests) == 2


# retries


def test_a_failed_generation_is_retried():
    failed = {"error": "Request failed during generation", "error_type": "generation"}
    with raw_server(
        http(failed, "424 Failed Dependency"), http([{"generated_text": WHOLE}])
    ) as server:
        assert Reply(model_at(server, "hugging face"), "hello").text == WHOLE


def test_replies_that_restart_and_break_again_are_bounded():
    """Each attempt has another text, as with a real model, and none is longer than the last."""
    answers = [
        cut_stream({"choices": [{"delta": {"content": f"try {number}"}}]}) for number in range(9)
    ]
    with raw_server(*answers) as server:
        with pytest.raises(ModelUnavailable):
            Reply(model_at(server, "chat"), "hello")
        assert len(server.requests) == 4


def test_requests_while_the_model_loads_are_no_tries():
    loading = http({"error": "loading", "estimated_time": 0.1}, "503 Unavailable")
    broken = http({"error": "broken"}, "500 Error")
    with raw_server(*[loading] * 4, broken, DONE) as server:
        assert Reply(model_at(server), "hello", timeout=120).text == WHOLE


def first_notice(server: RawServer, timeout: float) -> RetryNotice:
    """Return the notice before the first pause, without the pause."""
    call = Call(time.monotonic() + timeout)
    notice = next(model_at(server).answer([PromptMessage("human", "hello")], "", call))
    assert isinstance(notice, RetryNotice)
    return notice


def busy(retry_after: str) -> bytes:
    return http({"error": "busy"}, "429 Too Many", **{"Retry-After": retry_after})


def test_the_notice_has_the_seconds_of_retry_after():
    with raw_server(busy("30")) as server:
        assert first_notice(server, timeout=60) == RetryNotice("busy", 30)


def test_retry_after_may_be_a_date():
    date = datetime.now(UTC) + timedelta(seconds=30)
    with raw_server(busy(format_datetime(date, usegmt=True))) as server:
        assert 25 < first_notice(server, timeout=60).retry_after <= 30


def test_a_retry_after_past_the_deadline_is_unavailable_at_once():
    with raw_server(busy("30")) as server:
        with pytest.raises(ModelUnavailable):
            Reply(model_at(server), "hello", timeout=5)
        assert len(server.requests) == 1


# cancellation, and the deadline


class BackgroundCall:
    """A call that is made in a thread of its own."""

    def __init__(self, model: Model) -> None:
        self.call = Call(time.monotonic() + 60)
        self.outcome: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(model,), daemon=True)
        self._thread.start()

    def _run(self, model: Model) -> None:
        try:
            list(model.answer([PromptMessage("human", "hello")], "", self.call))
        except BaseException as outcome:  # noqa: BLE001 - the test asserts which one it is
            self.outcome = outcome

    def cancelled(self) -> bool:
        """Cancel the call. Returns whether it ended with `Cancelled`."""
        self.call.cancel()
        self._thread.join(10)
        return isinstance(self.outcome, Cancelled)


@pytest.fixture
def long_connect_timeout(monkeypatch):
    """Connecting lasts until it is cancelled."""
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 60.0)


def test_a_cancel_ends_connecting(long_connect_timeout):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]  # more than the backlog takes
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        host, port = full.getsockname()
        url = f"http://{host}:{port}/v1/completions"
        call = BackgroundCall(model_for(load_settings({"MODEL_URL": url})))
        time.sleep(0.2)  # the call gives no sign that it is connecting
        assert call.cancelled()
        for client in waiting:
            client.close()


def test_a_cancel_ends_a_tls_handshake(long_connect_timeout):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        url = f"https://{host}:{port}/v1/completions"
        call = BackgroundCall(model_for(load_settings({"MODEL_URL": url})))
        client, _ = silent.accept()
        with client:
            assert client.recv(1)  # the beginning of the handshake
            assert call.cancelled()


@pytest.mark.parametrize(
    "begin",
    [b"", head("200 OK"), head("200 OK") + b'{"choi', head("500 Error") + b'{"err', stream()],
    ids=["nothing", "head", "body", "refusal", "stream"],
)
def test_a_cancel_at_any_point_of_a_response_raises_cancelled(begin):
    begun = threading.Event()

    def keep_open(client: socket.socket) -> None:
        client.sendall(begin)
        begun.set()
        server.wait_closed(client)

    with raw_server(keep_open) as server:
        call = BackgroundCall(model_at(server))
        assert begun.wait(10)
        time.sleep(0.1)  # the call gives no sign that it has read this
        assert call.cancelled()
        assert server.closed.wait(10)


def test_the_connection_is_closed_at_the_end_of_the_reply():
    def keep_open(client: socket.socket) -> None:
        client.sendall(stream(event(f"{WHOLE} Human:")))
        server.wait_closed(client)

    with raw_server(keep_open) as server:
        call = BackgroundCall(model_at(server))
        assert server.closed.wait(10)
        assert call.outcome is None


def test_a_cancel_reaches_through_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "")

    def keep_open(client: socket.socket) -> None:
        server.wait_closed(client)

    with raw_server(keep_open) as server:
        monkeypatch.setenv("http_proxy", server.url)
        url = "http://model.invalid/v1/completions"
        call = BackgroundCall(model_for(load_settings({"MODEL_URL": url})))
        while not server.requests:
            time.sleep(0.01)
        assert call.cancelled()
        assert server.closed.wait(10)


def test_a_silent_tls_handshake_is_retried_and_is_no_model_timeout(monkeypatch):
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        url = f"https://{host}:{port}/v1/completions"
        with pytest.raises(ModelUnavailable):
            Reply(model_for(load_settings({"MODEL_URL": url})), "hello")


def test_an_error_body_without_end_is_a_timeout():
    def trickle(client: socket.socket) -> None:
        client.sendall(head("400 Bad"))
        while True:
            client.sendall(b" ")
            time.sleep(0.05)

    with raw_server(trickle) as server, pytest.raises(ModelTimeout):
        Reply(model_at(server), "hello", timeout=0.5)
