"""A connection serves one call after the other, and each call harms its own connection only.

`test_all_of_this_holds_with_gevent` runs this file once more.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from itertools import groupby

import psutil
import pytest
import trustme

from chat.errors import ModelError, ModelUnavailable
from chat.log_context import log_context
from chat.settings import load_settings
from tasks.models import Call, Cancelled, Model, connection_pool, model_for
from tasks.models.retry_policy import MAX_TRIES
from tasks.prompt import PromptMessage
from tests.tasks.models.conftest import PATHS, Reply, text_of
from tests.tasks.models.keep_alive_server import (
    DONE,
    LAST_CHUNK,
    KeepAliveServer,
    chunk,
    keep_alive_server,
    reset,
    stream_head,
)


def event(text: str, finish_reason: str | None = None) -> dict:
    """Return an event of the completions protocol."""
    return {"choices": [{"text": text, "finish_reason": finish_reason}]}


LAST_EVENT = {
    "hugging face": {"token": {"text": "hi", "special": False}, "generated_text": "hi"},
    "completions": event("hi", "stop"),
    "chat": {"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]},
}


def stream(client: socket.socket, number: int) -> bool:
    """Send the number of the request as text, in one piece: with the last event comes the end."""
    client.sendall(stream_head() + chunk(event(f"{number}")) + DONE + LAST_CHUNK)
    return True


def model_at(server: KeepAliveServer, protocol: str = "completions", **env: str) -> Model:
    return model_for(load_settings({"MODEL_URL": server.url + PATHS[protocol], **env}))


# what is kept


def test_replies_one_after_the_other_use_one_connection(protocol):
    def answer(client: socket.socket, number: int) -> bool:
        usage = chunk({"choices": [], "usage": {"total_tokens": 9}})
        client.sendall(stream_head() + chunk(LAST_EVENT[protocol]) + usage + DONE + LAST_CHUNK)
        return True

    with keep_alive_server(answer) as server:
        model = model_at(server, protocol)
        assert [Reply(model, "hello").text for _ in range(5)] == ["hi"] * 5
        assert server.used == [0] * 5


def test_each_request_of_a_connection_has_the_same_head_and_its_own_body():
    secret = "Bearer sesame"
    with keep_alive_server(stream) as server:
        model = model_at(server, MODEL_HEADERS=json.dumps({"Authorization": secret}))
        for text in ("one", "two", "three and a long one, ä"):
            Reply(model, text)
        heads, bodies = zip(*(raw.split(b"\r\n\r\n") for _, raw in server.requests), strict=True)
    assert server.used == [0] * 3
    first, *others = [
        sorted(line for line in head.split(b"\r\n") if b"ength" not in line) for head in heads
    ]
    assert f"Authorization: {secret}".encode() in first
    assert others == [first, first]
    assert [json.loads(body)["prompt"].count("one") for body in bodies] == [1, 0, 1]


def test_each_request_of_a_connection_has_the_id_of_its_own_message():
    with keep_alive_server(stream) as server:
        model = model_at(server)
        for message_id in ("one", "two", None):
            with log_context(message_id=message_id):
                Reply(model, "hello")
        heads = [raw.split(b"\r\n\r\n")[0] for _, raw in server.requests]
    assert server.used == [0] * 3
    assert [re.findall(rb"X-Request-Id: (\w+)", head) for head in heads] == [[b"one"], [b"two"], []]


def test_the_end_of_a_stream_may_come_after_the_reply():
    go_on, ended = threading.Event(), threading.Event()

    def answer(client: socket.socket, number: int) -> bool:
        client.sendall(stream_head() + chunk(event("hi", "stop")))
        assert go_on.wait(10)
        client.sendall(DONE)
        client.sendall(LAST_CHUNK)
        ended.set()
        return True

    with keep_alive_server(answer) as server:
        model = model_at(server)
        assert Reply(model, "hello").text == "hi"
        go_on.set()
        assert ended.wait(10)
        assert Reply(model, "hello").text == "hi"
        assert server.used == [0, 0]


def test_a_stream_that_has_not_ended_is_closed_and_not_waited_for():
    def answer(client: socket.socket, number: int) -> bool:
        client.sendall(stream_head() + chunk(event("hi", "stop")))
        return True

    with keep_alive_server(answer) as server:
        model = model_at(server)
        assert [Reply(model, "hello").text for _ in range(2)] == ["hi"] * 2
        assert server.used == [0, 1]
        assert server.closed.acquire(timeout=10)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_that_is_no_stream_keeps_its_connection(chunked):
    def answer(client: socket.socket, number: int) -> bool:
        body = json.dumps(event("hi")).encode()
        length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
        if chunked:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        client.sendall(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n%s" % (length, body))
        return True

    with keep_alive_server(answer) as server:
        model = model_at(server)
        assert [Reply(model, "hello").text for _ in range(3)] == ["hi"] * 3
        assert server.used == [0] * 3


def test_bytes_after_an_answer_are_not_taken_for_the_next_one():
    stolen = json.dumps(event("another person's")).encode()
    extra = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(stolen), stolen)

    def answer(client: socket.socket, number: int) -> bool:
        surplus = extra[: 20 + 200 * (number % 2)]
        client.sendall(stream_head() + chunk(event(f"{number}")) + DONE + LAST_CHUNK + surplus)
        return True

    with keep_alive_server(answer) as server:
        model = model_at(server)
        assert [Reply(model, "hello").text for _ in range(4)] == ["0", "1", "2", "3"]
        assert server.used == [0, 1, 2, 3]


def test_no_cookie_goes_from_one_call_to_the_next():
    def answer(client: socket.socket, number: int) -> bool:
        head = stream_head(b"Set-Cookie: person=1; Path=/")
        client.sendall(head + chunk(event("hi")) + DONE + LAST_CHUNK)
        return True

    with keep_alive_server(answer) as server:
        model = model_at(server)
        for _ in range(2):
            Reply(model, "hello")
        assert server.used == [0, 0]
        assert b"cookie" not in server.requests[1][1].lower()


def test_a_refused_request_closes_its_connection():
    """The retry may then reach another server behind a load balancer."""

    def answer(client: socket.socket, number: int) -> bool:
        if number:
            return stream(client, number)
        client.sendall(b"HTTP/1.1 500 Broken\r\nContent-Length: 2\r\n\r\n{}")
        return True

    with keep_alive_server(answer) as server:
        assert Reply(model_at(server), "hello").text == "1"
        assert server.used == [0, 1]


def test_a_proxy_is_asked_on_one_connection(monkeypatch):
    with keep_alive_server(stream) as server:
        monkeypatch.setenv("http_proxy", server.url)
        model = model_for(load_settings({"MODEL_URL": "http://model.invalid/v1/completions"}))
        assert [Reply(model, "hello").text for _ in range(3)] == ["0", "1", "2"]
        assert server.used == [0] * 3
        assert server.requests[2][1].startswith(b"POST http://model.invalid/v1/completions ")


# what the server closes


@pytest.mark.parametrize("how", [socket.SHUT_RDWR, socket.SHUT_WR, None])
def test_a_connection_closed_while_idle_is_replaced_and_costs_no_try(how):
    with keep_alive_server(stream) as server:
        model = model_at(server)
        Reply(model, "hello")
        if how is None:
            reset_by_thread_end(server)
        else:
            server.connections[0].shutdown(how)
        reply = Reply(model, "hello")
        assert (reply.text, reply.call.pauses, server.used) == ("1", [], [0, 1])


def reset_by_thread_end(server: KeepAliveServer) -> None:
    """Let the server's thread end, with a reset instead of a FIN."""
    client = server.connections[0]
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.shutdown(socket.SHUT_RD)  # wakes the thread, which closes the socket
    assert server.closed.acquire(timeout=10)


@pytest.mark.parametrize("close", [lambda client: None, reset], ids=["FIN", "reset"])
def test_a_close_as_the_next_request_arrives_costs_no_try(close):
    def answer(client: socket.socket, number: int) -> bool:
        if number == 1:
            close(client)
            return False
        return stream(client, number)

    with keep_alive_server(answer) as server:
        model = model_at(server)
        Reply(model, "hello")
        reply = Reply(model, "hello")
        assert (reply.text, reply.call.pauses, server.used) == ("2", [], [0, 0, 1])
        assert server.requests[1][1] == server.requests[2][1]


def test_a_request_is_not_sent_again_at_once_after_a_byte_of_the_answer():
    def answer(client: socket.socket, number: int) -> bool:
        if number == 1:
            client.sendall(b"H")
            reset(client)
            return False
        return stream(client, number)

    with keep_alive_server(answer) as server:
        model = model_at(server)
        Reply(model, "hello")
        assert len(Reply(model, "hello").call.pauses) == 1


def test_a_new_connection_that_is_closed_counts_as_a_try():
    def answer(client: socket.socket, number: int) -> bool:
        return number > 0 and stream(client, number)

    with keep_alive_server(answer) as server:
        assert len(Reply(model_at(server), "hello").call.pauses) == 1


# what we close


class Stream:
    """A call in a thread of its own."""

    def __init__(self, model: Model) -> None:
        self.call = Call(time.monotonic() + 30)
        self.text = ""
        self.begun = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(model,), daemon=True)
        self._thread.start()

    def _run(self, model: Model) -> None:
        try:
            for item in model.answer([PromptMessage("human", "hello")], "", self.call):
                self.text += text_of([item])
                self.begun.set()
        except (Cancelled, ModelError) as error:
            self.error = error

    def join(self) -> BaseException | None:
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self.error


class Streams:
    """Answers whose rest is sent when `go_on` is released once for each."""

    def __init__(self) -> None:
        self.go_on = threading.Semaphore(0)

    def answer(self, client: socket.socket, number: int) -> bool:
        client.sendall(stream_head() + chunk(event(f"{number} ")))
        assert self.go_on.acquire(timeout=30)
        client.sendall(chunk(event("and the rest", "stop")) + LAST_CHUNK)
        return True

    def two(self, model: Model) -> tuple[Stream, Stream]:
        """Return two calls that are streaming at the same time."""
        pair = Stream(model), Stream(model)
        for each in pair:
            assert each.begun.wait(10)
        return pair


def test_a_request_is_sent_again_at_once_only_once():
    streams = Streams()

    def answer(client: socket.socket, number: int) -> bool:
        return number < 2 and streams.answer(client, number)

    with keep_alive_server(answer) as server:
        model = model_at(server)
        pair = streams.two(model)
        streams.go_on.release(2)
        assert [each.join() for each in pair] == [None, None]
        with pytest.raises(ModelUnavailable):
            Reply(model, "hello")  # meets both kept connections
        assert len(server.requests) == 2 + 1 + MAX_TRIES


def test_a_cancel_closes_its_own_connection_and_no_other():
    streams = Streams()
    with keep_alive_server(streams.answer) as server:
        model = model_at(server)
        pair = streams.two(model)
        streams.go_on.release(2)
        assert [each.join() for each in pair] == [None, None]
        first, second = streams.two(model)
        assert sorted(server.used) == [0, 0, 1, 1]
        first.call.cancel()
        assert isinstance(first.join(), Cancelled)
        streams.go_on.release(2)  # one of them is for the cancelled stream
        assert second.join() is None
        assert second.text.endswith("and the rest")
        third = Stream(model)
        streams.go_on.release()
        assert third.join() is None
        assert len(server.connections) == 2  # the third has used the second's


def wait_idle(model: Model, count: int) -> None:
    """Wait until the model has ``count`` idle connections."""
    until = time.monotonic() + 10
    while len(model._connections._idle) != count:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_cancel_after_its_reply_does_not_reach_the_next_one():
    streams = Streams()
    with keep_alive_server(streams.answer) as server:
        model = model_at(server)
        first = Stream(model)
        streams.go_on.release()
        assert first.join() is None
        second = Stream(model)
        assert second.begun.wait(10)
        first.call.cancel()
        streams.go_on.release()
        assert second.join() is None
        assert server.used == [0, 0]


def test_idle_connections_are_closed_after_a_while(monkeypatch):
    monkeypatch.setattr(connection_pool, "IDLE_TIMEOUT", 0.05)
    with keep_alive_server(stream) as server:
        Reply(model_at(server), "hello")
        assert server.closed.acquire(timeout=10)


def test_no_more_connections_are_kept_than_the_worker_has_replies_at_once():
    streams = Streams()
    with keep_alive_server(streams.answer) as server:
        model = model_at(server, WORKER_CONCURRENCY="1")
        pair = streams.two(model)
        streams.go_on.release(2)
        assert [each.join() for each in pair] == [None, None]
        assert server.closed.acquire(timeout=10)
        wait_idle(model, 1)


def test_two_hundred_calls_with_cancels_leak_no_file():
    def answer(client: socket.socket, number: int) -> bool:
        if number % 3 == 0:
            client.sendall(stream_head() + chunk(event(f"{number}")))
            return True  # the client cancels
        return stream(client, number)

    process = psutil.Process()
    with keep_alive_server(answer) as server:
        model = model_at(server)
        before = process.num_fds()
        for _ in range(200):
            call = Call(time.monotonic() + 30)
            texts = model.answer([PromptMessage("human", "hello")], "", call)
            cancelled = int(next(texts)) % 3 == 0
            if cancelled:
                call.cancel()
                with pytest.raises(Cancelled):
                    list(texts)
            else:
                list(texts)
        for _ in range(len(server.connections) - 1):
            assert server.closed.acquire(timeout=10)
        wait_idle(model, 1)
        assert len(server.requests) == 200
        assert process.num_fds() <= before + 4  # one connection, both its ends


# TLS


class Network:
    """A path to a server that takes 20 ms in each direction. It notes who sends."""

    DELAY = 0.02  # seconds

    def __init__(self, port: int) -> None:
        self.sent: list[str] = []  # "client" or "server", for each piece of data
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def turns(self, begin: int) -> list[str]:
        """Return who has sent, without repetitions, from the piece ``begin`` on."""
        return [sender for sender, _ in groupby(self.sent[begin:])]

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._port))
            for sender, source, sink in (("client", client, server), ("server", server, client)):
                threading.Thread(
                    target=self._pass, args=(sender, source, sink), daemon=True
                ).start()

    def _pass(self, sender: str, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.sent.append(sender)
                time.sleep(self.DELAY)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def test_over_tls_the_next_first_token_takes_one_round_trip(monkeypatch, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def answer(client: socket.socket, number: int) -> bool:
        data = b"data: %s\n\n" % json.dumps(event(f"{number}", "stop")).encode()
        client.sendall(  # in one piece, so that the test need not wait for the end
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%s"
            % (len(data), data)
        )
        return True

    with keep_alive_server(answer, context) as server:
        network = Network(server.port)
        url = f"https://127.0.0.1:{network.port}/v1/completions"
        model = model_for(load_settings({"MODEL_URL": url}))
        assert Reply(model, "hello").text == "0"
        assert len(network.turns(0)) >= 4  # the handshake and the request
        begin = len(network.sent)
        assert Reply(model, "hello").text == "1"
        assert network.turns(begin) == ["client", "server"]
        assert len(server.connections) == 1  # and so was one handshake


def test_all_of_this_holds_with_gevent():
    """Threads are greenlets there, and the sockets gevent's."""
    script = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import pytest, sys\n"
        f"sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'no:xdist',"
        f" '-k', 'not holds_with_gevent', {__file__!r}]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
