"""Redis is away for a while and comes back."""

from __future__ import annotations

import time

import psutil
import pytest
import requests
import websocket

from tests.clients import Events, Plain, begin
from tests.processes import wait_until


def test_no_process_ends_and_a_message_gets_busy(system):
    token = begin(system.web.url)
    socket, plain = Events(system.web.ws, token), Plain(system.web.ws, token)
    plain.say("before")
    assert plain.reply()["msg"] == "echo: before"
    socket.until(lambda f: f.get("status") == "done")
    system.redis.kill()
    try:
        message_id = socket.say("hello")
        refusal = socket.frame()
        assert (refusal["code"], refusal["id"]) == ("busy", message_id)
        assert refusal["retry_after"] > 0
        plain.say("hello")
        assert plain.reply()["error"] == "busy"
        answer = requests.post(f"{system.web.url}/token?name=Ada", timeout=30)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            Plain(system.web.ws, token)
        assert refused.value.status_code == 503
        # Longer than REDIS_PATIENCE and the first reconnects of the consumer.
        away = time.monotonic()
        wait_until(lambda: time.monotonic() - away > 12)
    finally:
        system.redis.start()
    back = time.monotonic()
    while True:
        socket.say("hello", message_id)
        if socket.until(lambda f: f["type"] in ("ack", "error"))["type"] == "ack":
            break
    assert socket.until_answered(message_id)["msg"] == "echo: hello"
    assert plain.reply()["msg"] == "echo: hello"
    assert time.monotonic() - back < 15
    assert all(process.running for process in system.processes)


def test_a_ping_is_answered_at_once_while_a_message_waits_for_redis(system):
    socket = Events(system.web.ws, begin(system.web.url))
    redis = psutil.Process(system.redis.process.pid)
    for one in (redis, *redis.children(recursive=True)):
        one.suspend()
    try:
        message_id = socket.say("hello")
        socket.send(type="nonsense")
        socket.send(type="ping")
        assert socket.frame() == {"type": "pong"}
        assert socket.until_type("error")["id"] == message_id  # the commands are answered in order
        assert socket.frame()["code"] == "invalid"
    finally:
        for one in (redis, *redis.children(recursive=True)):
            one.resume()
    socket.say("hello", message_id)
    while (reply := socket.reply_to(message_id) or {}).get("status") != "done":
        socket.frame()  # Redis may have run the timed-out step after all
    assert reply["msg"] == "echo: hello"


def test_replies_from_the_time_a_relay_was_disconnected_are_sent_once(system):
    """The relay of one web process loses Redis while the others do not."""
    token = begin(system.web.url)
    plain, elsewhere = Plain(system.web.ws, token), Events(system.webs[1].ws, token)
    before = elsewhere.say("before")
    elsewhere.until_answered(before)
    assert plain.reply()["msg"] == "echo: before"
    system.web.freeze()
    try:
        for number in range(3):
            elsewhere.until_answered(elsewhere.say(f"message {number}"))
        system.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    finally:
        system.web.thaw()
    assert [plain.reply()["msg"] for _ in range(3)] == [f"echo: message {n}" for n in range(3)]
    elsewhere.say("after")
    assert plain.reply()["msg"] == "echo: after"


def test_a_redis_that_dies_while_tasks_are_taken_ends_no_worker(system):
    """The moment between taking a task and beginning it is short, so the test tries many times."""
    sockets = [Events(system.web.ws, begin(system.web.url)) for _ in range(40)]
    for _ in range(6):
        asked = [socket.say("hello") for socket in sockets]
        sockets[0].until_type("start")  # the workers have begun
        system.redis.kill()
        system.redis.start()
        for socket, message_id in zip(sockets, asked, strict=True):
            send_until_done(socket, message_id)
        assert all(process.running for process in system.processes)


def send_until_done(socket: Events, message_id: str) -> None:
    """Wait for the reply to a message; send the message again whenever it is refused."""

    def done() -> bool:
        return (socket.reply_to(message_id) or {}).get("status") == "done"

    while not done():
        socket.until(lambda frame: done() or frame["type"] == "error")
        if not done():
            socket.say("hello", message_id)
