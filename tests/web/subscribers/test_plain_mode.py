"""Plain mode, with a real web process, worker and Redis."""

from __future__ import annotations

from datetime import datetime

import pytest
import requests
import websocket

from tasks.models.failures import ModelUnusable
from tests.clients import Plain, begin, history, open_websocket

UNKNOWN = "11111111-1111-4111-8111-111111111111"


def open_with(system, query="", **options):
    return open_websocket(system.web.ws + query, **options)


def test_a_message_gets_its_reply(system):
    token = begin(system.web.url)
    socket = Plain(system.web.ws, token)
    socket.say("  hello  ")
    reply = socket.reply()
    assert set(reply) == {"id", "msg", "timestamp"}
    assert reply["msg"] == "echo: hello"
    human, bot = history(system.web.url, token)
    assert human["msg"] == "Human: hello"
    assert (bot["msg"], bot["id"], bot["timestamp"]) == (
        "Bot: echo: hello",
        reply["id"],
        reply["timestamp"],
    )
    assert bot["reply_to"] == human["id"]
    assert human["id"] != bot["id"]
    assert datetime.fromisoformat(human["timestamp"]) < datetime.fromisoformat(bot["timestamp"])


def test_replies_come_in_the_order_of_the_messages(system):
    token = begin(system.web.url)
    socket = Plain(system.web.ws, token)
    for number in range(6):
        socket.say(f"message {number}")
    assert [socket.reply()["msg"] for _ in range(6)] == [f"echo: message {n}" for n in range(6)]
    tags = [message["msg"].split(":")[0] for message in history(system.web.url, token)]
    assert tags == ["Human", "Bot"] * 6


def test_a_reply_that_had_ended_before_the_handshake_is_not_sent(system):
    token = begin(system.web.url)
    for text in ("a", "b"):
        plain = Plain(system.web.ws, token)
        plain.say(text)
        assert plain.reply()["msg"] == f"echo: {text}"


def test_all_subscribers_of_a_session_get_the_reply_on_any_web_process(system):
    token = begin(system.web.url)
    sockets = [Plain(web.ws, token) for web in system.webs for _ in range(2)]
    sockets[0].say("hello all")
    replies = [socket.reply() for socket in sockets]
    assert replies == [replies[0]] * 4
    assert replies[0]["msg"] == "echo: hello all"


def test_subscribers_of_other_sessions_get_nothing(system):
    mine, other = (Plain(system.web.ws, begin(system.web.url)) for _ in range(2))
    mine.say("mine")
    assert mine.reply()["msg"] == "echo: mine"
    other.say("other")
    assert other.reply()["msg"] == "echo: other"


def test_a_reply_to_a_closed_websocket_is_in_the_history(system):
    token = begin(system.web.url)
    witness = Plain(system.webs[1].ws, token)
    socket = Plain(system.web.ws, token)
    socket.say("bye")
    socket.close()
    assert witness.reply()["msg"] == "echo: bye"
    assert history(system.web.url, token)[1]["msg"] == "Bot: echo: bye"


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "invalid"), ("   ", "invalid"), ("x" * 4001, "too_long")],
)
def test_a_refused_message_gets_an_error_and_is_not_stored(system, text, code):
    token = begin(system.web.url)
    socket = Plain(system.web.ws, token)
    socket.say(text)
    refusal = socket.reply()
    assert set(refusal) == {"id", "msg", "timestamp", "error"}
    assert refusal["error"] == code
    assert history(system.web.url, token) == []
    socket.say("x" * 4000)
    assert socket.reply()["msg"] == "echo: " + "x" * 4000


def test_a_json_text_is_an_ordinary_message(system):
    socket = Plain(system.web.ws, begin(system.web.url))
    socket.say('{"type": "stop"}')
    assert socket.reply()["msg"] == 'echo: {"type": "stop"}'


@pytest.mark.parametrize("query", ["", "?token=", "?token=nonsense", f"?token={UNKNOWN}"])
def test_a_handshake_without_a_session_is_refused_before_the_upgrade(system, query):
    with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
        open_with(system, query)
    assert refusal.value.status_code == 403


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (None, True),
        ("http://127.0.0.1:{port}", True),
        ("http://localhost:3000", True),
        ("http://127.0.0.1", False),
        ("http://evil.example", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_only_pages_of_our_own_and_of_allowed_origins_may_open_a_websocket(system, origin, welcome):
    query = f"?token={begin(system.web.url)}"
    options = {"suppress_origin": True}
    if origin:
        options = {"origin": origin.format(port=system.web.port)}
    if welcome:
        open_with(system, query, **options).close()
    else:
        with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
            open_with(system, query, **options)
        assert refusal.value.status_code == 403


def test_the_token_may_come_as_a_bearer_in_header_or_subprotocol(system):
    token = begin(system.web.url)
    by_header = open_with(system, header=[f"Authorization: Bearer {token}"])
    by_subprotocol = open_with(system, subprotocols=[f"bearer.{token}"])
    assert by_subprotocol.subprotocol == f"bearer.{token}"
    by_header.send("hello")
    assert '"echo: hello"' in by_subprotocol.recv()


def test_an_http_request_for_the_websocket_is_answered_in_json(system):
    answer = requests.get(f"{system.web.url}/chat?token={begin(system.web.url)}", timeout=20)
    assert answer.status_code in (400, 426)
    assert "detail" in answer.json()


def test_the_websockets_of_an_erased_session_are_closed(system):
    token = begin(system.web.url)
    socket = open_with(system, f"?token={token}")
    requests.delete(f"{system.webs[1].url}/token?token={token}", timeout=20)
    opcode, data = socket.recv_data()
    assert (opcode, int.from_bytes(data[:2])) == (websocket.ABNF.OPCODE_CLOSE, 1008)


def test_a_failure_of_the_model_is_sent_and_the_worker_continues(system):
    socket = Plain(system.web.ws, begin(system.web.url))
    socket.say("[[status=401]] secret")
    failure = socket.reply()
    assert failure["error"] == "model_refused"
    assert failure["msg"] == ModelUnusable.msg
    socket.say("still there?")
    assert socket.reply()["msg"] == "echo: still there?"
