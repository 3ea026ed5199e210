"""Servers that do what no decent one does: nothing of it may last, leak, or pass for an answer."""

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
from tasks.models import Call, Cancelled, Model, Wait, connection, model_for
from tasks.prompt import Line
from tests.processes import free_port
from tests.tasks.models.conftest import PATHS, Answer
from tests.tasks.models.raw import Raw, head, http, raw, stream

MEGABYTE = 2**20


def model_at(server: Raw, protocol: str = "completions", **env: str) -> Model:
    return model_for(load_settings({"MODEL_URL": server.url + PATHS[protocol], **env}))


def text(said: str, end: str | None = None) -> dict:
    """Return an event of the completions protocol."""
    return {"choices": [{"text": said, "finish_reason": end}]}


DONE = stream(text("a whole"), text(" answer", "stop"))
WHOLE = "a whole answer"


# what a log may not have


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
def test_a_key_in_an_address_that_nobody_answers_stays_out_of_the_log(host, caplog):
    url = f"http://{host}:{free_port()}/v1/completions?key=hidden"
    with caplog.at_level(logging.INFO), pytest.raises(ModelUnavailable) as failure:
        Answer(model_for(load_settings({"MODEL_URL": url})), "hello")
    assert "hidden" not in caplog.text
    assert "hidden" not in str(failure.value)
    assert "ConnectionError" in caplog.text


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_prompt_that_a_refusal_repeats_stays_out_of_the_log(wrapped, caplog):
    errors = [{"loc": ["body", "x"], "msg": "Field required", "input": {"prompt": "secret"}}]
    body = {"message": str(errors)} if wrapped else {"detail": errors}
    caplog.set_level(logging.INFO)
    with raw(http(body, "422 Unprocessable")) as server, pytest.raises(ModelRefused):
        Answer(model_at(server), "secret")
    assert "Field required" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("body", [["a"], {"detail": ["a", None, {}]}, {"error": {"message": 7}}])
def test_a_refusal_in_strange_words_is_a_refusal(body):
    with raw(http(body, "400 Bad")) as server, pytest.raises(ModelRefused, match="HTTP 400"):
        Answer(model_at(server), "hello")


# bodies


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_that_is_compressed_all_the_same_is_read(chunked):
    body = gzip.compress(json.dumps(text(WHOLE, "stop")).encode())
    answer = http(body, **{"Content-Encoding": "gzip"})
    if chunked:
        coded = {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}
        answer = head("200 OK", **coded) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with raw(answer) as server:
        assert Answer(model_at(server), "hello").text == WHOLE


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("completions", {"choices": [{"text": None}]}),
        ("chat", {"choices": [{"message": {"content": None}}]}),
        ("hugging face", [{"generated_text": None}]),
    ],
)
def test_no_text_is_no_answer(protocol, body):
    with raw(http(body)) as server, pytest.raises(ModelRefused):
        Answer(model_at(server, protocol), "hello")


@pytest.mark.parametrize(
    ("protocol", "event"),
    [
        ("completions", {"choices": [{"text": 7}]}),
        ("chat", {"choices": [{"delta": {"content": ["a"]}}]}),
        ("hugging face", {"token": {"text": None}}),
    ],
)
def test_an_event_without_text_is_not_of_the_protocol(protocol, event):
    with raw(stream(event)) as server, pytest.raises(ModelRefused, match="not of the protocol"):
        Answer(model_at(server, protocol), "hello")


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
def test_what_has_no_end_is_given_up(begin):
    sent = []

    def endless(client: socket.socket) -> None:
        client.sendall(begin)
        piece = b"data: {}\n" * 7000 if begin == stream() else b"x" * 65536
        while sum(sent) < 100 * MEGABYTE:  # all of it, where nobody closes
            client.sendall(piece)
            sent.append(len(piece))

    with raw(endless) as server, pytest.raises(ModelRefused):
        Answer(model_at(server), "hello", within=60)
    assert sum(sent) < 50 * MEGABYTE


def test_comments_and_fields_without_a_space_are_no_obstacle():
    data = [b": ping\n\n", b"event: message\n", b"data:%s\n\n" % json.dumps(text(WHOLE)).encode()]
    usage = {"choices": [], "usage": {"total_tokens": 9}}
    end = b"data:%s\n\ndata: [DONE]\n\n" % json.dumps(usage).encode()
    with raw(stream() + b"".join(data) + end) as server:
        assert Answer(model_at(server), "hello").text == WHOLE


def test_a_redirect_is_not_followed_since_the_key_would_go_along():
    with raw(DONE) as elsewhere:
        away = http({}, "307 Temporary Redirect", Location=elsewhere.url)
        with raw(away) as server, pytest.raises(ModelRefused, match="HTTP 307"):
            Answer(model_at(server, HUGGINGFACE_INFERENCE_TOKEN="key"), "hello")
        assert not elsewhere.asked


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
def test_each_way_to_tell_an_error_in_mid_stream_is_known(protocol, error):
    with raw(stream(error)) as server:
        with pytest.raises(ModelUnavailable, match="out of memory"):
            Answer(model_at(server, protocol), "hello")
        assert len(server.asked) == 4


def test_a_context_that_ends_in_mid_stream_is_asked_again_with_half():
    error = {"error": "index 2048 is out of bounds for dimension 0 with size 2048"}
    with raw(stream(error), DONE) as server:
        assert Answer(model_at(server), "x" * 9000).text == WHOLE
        first, second = (len(server.body(number)["prompt"]) for number in range(2))
    assert second < 0.6 * first


def test_what_was_held_back_before_that_is_not_said_twice():
    error = {"error": "index 2048 is out of bounds for dimension 0 with size 2048"}
    rest = stream(text(" answer", "stop"))
    with raw(stream(text("a whole"), text(" "), error), rest) as server:
        assert Answer(model_at(server), "hello").text == WHOLE


def test_a_body_that_is_too_large_is_asked_again_with_half():
    with raw(http(b"<html>", "413 Request Entity Too Large"), DONE) as server:
        assert Answer(model_at(server), "x" * 9000).text == WHOLE
        assert len(server.asked) == 2


# tries


def test_a_failed_generation_is_tried_again():
    failed = {"error": "Request failed during generation", "error_type": "generation"}
    with raw(http(failed, "424 Failed Dependency"), http([{"generated_text": WHOLE}])) as server:
        assert Answer(model_at(server, "hugging face"), "hello").text == WHOLE


def test_replies_that_begin_anew_and_break_again_are_bounded():
    """They differ each time, as a model's do, and get no further."""
    answers = [
        stream({"choices": [{"delta": {"content": f"try {number}"}}]}) for number in range(9)
    ]
    with raw(*answers) as server:
        with pytest.raises(ModelUnavailable):
            Answer(model_at(server, "chat"), "hello")
        assert len(server.asked) == 4


def test_the_time_that_a_model_loads_takes_no_tries():
    loading = http({"error": "loading", "estimated_time": 0.1}, "503 Unavailable")
    broken = http({"error": "broken"}, "500 Error")
    with raw(*[loading] * 4, broken, DONE) as server:
        assert Answer(model_at(server), "hello", within=120).text == WHOLE


def first_wait(server: Raw, within: float) -> Wait:
    """Return what is told of the first wait; it is not waited for."""
    call = Call(time.monotonic() + within)
    wait = next(model_at(server).answer([Line("human", "hello")], "", call))
    assert isinstance(wait, Wait)
    return wait


def busy(retry_after: str) -> bytes:
    return http({"error": "busy"}, "429 Too Many", **{"Retry-After": retry_after})


def test_a_busy_server_is_not_asked_before_its_time():
    with raw(busy("30")) as server:
        assert first_wait(server, within=60) == Wait("busy", 30)


def test_a_busy_server_may_name_a_date():
    then = datetime.now(UTC) + timedelta(seconds=30)
    with raw(busy(format_datetime(then, usegmt=True))) as server:
        assert 25 < first_wait(server, within=60).retry_after <= 30


def test_a_busy_server_that_wants_more_time_than_there_is_is_given_up_at_once():
    with raw(busy("30")) as server:
        with pytest.raises(ModelUnavailable):
            Answer(model_at(server), "hello", within=5)
        assert len(server.asked) == 1


# cancels, and the deadline


class Asking:
    """A question that is asked in a thread of its own."""

    def __init__(self, model: Model) -> None:
        self.call = Call(time.monotonic() + 60)
        self.outcome: BaseException | None = None
        self._thread = threading.Thread(target=self._ask, args=(model,), daemon=True)
        self._thread.start()

    def _ask(self, model: Model) -> None:
        try:
            list(model.answer([Line("human", "hello")], "", self.call))
        except BaseException as outcome:  # noqa: BLE001 - the test wants to see it
            self.outcome = outcome

    def cancelled(self) -> bool:
        """Cancel; tell whether that was the end."""
        self.call.cancel()
        self._thread.join(10)
        return isinstance(self.outcome, Cancelled)


@pytest.fixture
def patient(monkeypatch):
    """Nothing but a cancel ends a wait for a connection."""
    monkeypatch.setattr(connection, "CONNECT_WITHIN", 60.0)


def test_a_cancel_ends_a_connecting(patient):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]  # more than its backlog takes
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        host, port = full.getsockname()
        url = f"http://{host}:{port}/v1/completions"
        question = Asking(model_for(load_settings({"MODEL_URL": url})))
        time.sleep(0.2)  # nothing tells that it connects
        assert question.cancelled()
        for client in waiting:
            client.close()


def test_a_cancel_ends_a_tls_handshake(patient):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        url = f"https://{host}:{port}/v1/completions"
        question = Asking(model_for(load_settings({"MODEL_URL": url})))
        client, _ = silent.accept()
        with client:
            assert client.recv(1)  # it greets
            assert question.cancelled()


@pytest.mark.parametrize(
    "begin",
    [b"", head("200 OK"), head("200 OK") + b'{"choi', head("500 Error") + b'{"err', stream()],
    ids=["nothing", "head", "body", "refusal", "stream"],
)
def test_a_cancel_is_no_other_failure_wherever_it_comes(begin):
    begun = threading.Event()

    def hold(client: socket.socket) -> None:
        client.sendall(begin)
        begun.set()
        server.wait_closed(client)

    with raw(hold) as server:
        question = Asking(model_at(server))
        assert begun.wait(10)
        time.sleep(0.1)  # nothing tells that it has read so far
        assert question.cancelled()
        assert server.closed.wait(10)


def test_the_connection_is_closed_when_the_answer_is_there():
    def go_on(client: socket.socket) -> None:
        client.sendall(stream(text(f"{WHOLE} Human:")))
        server.wait_closed(client)

    with raw(go_on) as server:
        question = Asking(model_at(server))
        assert server.closed.wait(10)
        assert question.outcome is None


def test_a_cancel_reaches_through_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "")

    def hold(client: socket.socket) -> None:
        server.wait_closed(client)

    with raw(hold) as server:
        monkeypatch.setenv("http_proxy", server.url)
        url = "http://model.invalid/v1/completions"
        question = Asking(model_for(load_settings({"MODEL_URL": url})))
        while not server.asked:
            time.sleep(0.01)
        assert question.cancelled()
        assert server.closed.wait(10)


def test_a_silent_tls_handshake_is_tried_again_and_is_not_the_deadline(monkeypatch):
    monkeypatch.setattr(connection, "CONNECT_WITHIN", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        url = f"https://{host}:{port}/v1/completions"
        with pytest.raises(ModelUnavailable):
            Answer(model_for(load_settings({"MODEL_URL": url})), "hello")


def test_a_refusal_whose_body_never_ends_takes_no_longer_than_there_is():
    def trickle(client: socket.socket) -> None:
        client.sendall(head("400 Bad"))
        while True:
            client.sendall(b" ")
            time.sleep(0.05)

    with raw(trickle) as server, pytest.raises(ModelTimeout):
        Answer(model_at(server), "hello", within=0.5)
