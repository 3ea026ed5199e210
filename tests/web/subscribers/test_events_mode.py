"""Events mode, with a real web process, worker and Redis."""

from __future__ import annotations

import json
import threading
import time
import uuid

import pytest
import requests
import websocket
from websocket import ABNF

from chat.errors import ModelRefused
from tasks.models.failures import ModelUnusable
from tests import directives
from tests.clients import Events, Plain, begin, history, open_websocket
from tests.standin import MODEL

FLOOD = 10_000  # frames


@pytest.fixture
def token(system) -> str:
    return begin(system.web.url, "Ada")


@pytest.fixture
def socket(system, token) -> Events:
    return Events(system.web.ws, token)


def types(socket: Events) -> list[str]:
    return [frame["type"] for frame in socket.frames]


def test_the_history_comes_first(system, token, socket):
    first = socket.frames[0]
    session = requests.get(f"{system.web.url}/refresh_token?token={token}", timeout=20).json()
    assert first == {
        "type": "history",
        "session": {"name": "Ada", "session_start": session["session_start"]},
        "messages": [],
    }


def test_a_message_is_acknowledged_published_and_answered_in_deltas(socket):
    message_id = socket.say(directives.words(5, delay=0.1))
    done = socket.until_answered(message_id)
    kinds = types(socket)
    assert kinds[1:4] == ["ack", "message", "start"]
    assert set(kinds[4:-1]) == {"delta"}
    assert len(kinds[4:-1]) > 2
    ack, human, start, *deltas, _ = socket.frames[1:]
    assert ack == {"type": "ack", "id": message_id, "position": 0}
    assert (human["id"], human["source"]) == (message_id, "human")
    assert "status" not in human
    assert start == {"type": "start", "id": done["id"], "reply_to": message_id, "attempt": 1}
    assert [delta["n"] for delta in deltas] == list(range(len(deltas)))
    assert "".join(delta["text"] for delta in deltas) == done["msg"]
    assert done["status"] == "done"
    assert done["source"] == "bot"
    message = {"type", "id", "source", "msg", "timestamp", "reply_to", "status"}
    assert set(done) == message | {"finish", "model"}
    assert (done["finish"], done["model"]) == ("stop", MODEL)


def test_the_first_word_is_sent_before_the_model_gives_the_second(system, socket):
    with directives.held(system, at=1) as hold:
        message_id = socket.say(hold.ask)
        delta = socket.until_type("delta")
        assert hold.text.startswith(delta["text"])
        hold.release()
        assert socket.until_answered(message_id)["msg"] == hold.text


def test_a_streaming_reply_is_in_the_history(system, token, socket):
    with directives.held(system, at=2) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        late = Events(system.webs[1].ws, token)
        reply = late.reply_to(message_id)
        if reply["n"] == 0:  # no delta is stored yet
            late.until_type("delta")
            reply = late.reply_to(message_id)
        assert reply["status"] == "streaming"
        stored = history(system.web.url, token)[1]
        assert (stored["status"], stored["id"]) == ("streaming", reply["id"])
        hold.release()
        assert late.until_answered(message_id)["msg"] == hold.text
        assert late.reply_to(message_id)["msg"] == hold.text


def test_all_subscribers_of_a_session_get_the_same_frames(system, token, socket):
    other = Events(system.webs[1].ws, token)
    message_id = socket.say(directives.words(5, delay=0.02))
    socket.until_answered(message_id)
    other.until_answered(message_id)
    mine = [frame for frame in socket.frames if frame["type"] != "ack"]
    assert other.frames == mine


def test_a_repeated_message_is_acknowledged_again_and_answered_once(system, token, socket):
    message_id = socket.say("first")
    socket.say("second", message_id)
    socket.until_answered(message_id)
    socket.say("third", message_id)
    assert socket.until_type("ack")["id"] == message_id
    assert [m["msg"] for m in history(system.web.url, token)] == [
        "Human: first",
        "Bot: echo: first",
    ]


def test_an_answered_message_is_acknowledged_again_with_position_0(socket):
    message_id = socket.say("hello")
    socket.until_answered(message_id)
    socket.say("hello", message_id)
    assert socket.until_type("ack") == {"type": "ack", "id": message_id, "position": 0}


def test_text_is_unchanged_except_for_white_space_at_its_ends(system, token, socket):
    text = "a\n\n  b\t\u2028 \x00 <script> \"'\\ é 😀"
    message_id = socket.say(f" \n {text} \t")
    socket.until_answered(message_id)
    assert socket.messages[message_id]["msg"] == text
    assert history(system.web.url, token)[0]["msg"] == f"Human: {text}"


# refusals


@pytest.mark.parametrize(
    ("frame", "code", "frame_id"),
    [
        ("no json", "invalid", None),
        ("[]", "invalid", None),
        ('"text"', "invalid", None),
        ("{}", "invalid", None),
        ('{"type": "dance"}', "invalid", None),
        ('{"type": ["message"]}', "invalid", None),
        ('{"type": "message", "msg": "no id"}', "invalid", None),
        ('{"type": "message", "id": "7", "msg": "bad id"}', "invalid", "7"),
        ('{"type": "message", "id": "ID", "msg": 7}', "invalid", "ID"),
        ('{"type": "message", "id": "ID"}', "invalid", "ID"),
        ('{"type": "message", "id": "ID", "msg": " "}', "invalid", "ID"),
        ('{"type": "message", "id": "ID", "msg": "\\ud800"}', "invalid", "ID"),
        ('{"type": "message", "id": "ID", "msg": "LONG"}', "too_long", "ID"),
        ('{"type": "retry", "id": "ID"}', "unknown_message", "ID"),
        ('{"type": "retry"}', "invalid", None),
        ("[" * 20000, "invalid", None),
    ],
)
def test_an_invalid_frame_is_refused_with_its_id(system, token, socket, frame, code, frame_id):
    message_id = str(uuid.uuid4())
    socket.socket.send(frame.replace("ID", message_id).replace("LONG", "x" * 4001))
    refusal = socket.frame()
    assert (refusal["type"], refusal["code"]) == ("error", code)
    assert refusal.get("id") == (message_id if frame_id == "ID" else frame_id)
    assert refusal["msg"]
    assert history(system.web.url, token) == []
    answered = socket.say("still there?")
    assert socket.until_answered(answered)["msg"] == "echo: still there?"


def test_an_upper_case_id_is_refused(socket):
    socket.say("hello", str(uuid.uuid4()).upper())
    assert socket.frame()["code"] == "invalid"


def test_unknown_fields_are_ignored(socket):
    message_id = str(uuid.uuid4())
    socket.send(type="message", id=message_id, msg="hello", mood="good")
    assert socket.until_answered(message_id)["msg"] == "echo: hello"


# stop


def test_a_stop_keeps_the_partial_text_and_closes_the_connection_to_the_model(
    system, token, socket
):
    with directives.held(system, at=3) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        socket.until_type("delta")
        socket.send(type="stop")
        stopped = socket.until_answered(message_id)
        assert stopped["status"] == "stopped"
        assert hold.text.startswith(stopped["msg"])
        assert stopped["msg"]
        hold.wait_closed()
    stored = history(system.web.url, token)[1]
    assert (stored["msg"], stored["status"]) == ("Bot: " + stopped["msg"], "stopped")
    again = socket.say("go on")
    assert socket.until_answered(again)["msg"] == "echo: go on"


def test_a_stop_before_the_first_word_closes_the_connection_to_the_model(system, token, socket):
    plain = Plain(system.web.ws, token)
    with directives.held(system, at=0) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        socket.send(type="stop", id=message_id)
        stopped = socket.until_answered(message_id)
        assert (stopped["status"], stopped["msg"]) == ("stopped", "")
        hold.wait_closed()
    socket.say("next")
    assert plain.reply()["msg"] == "echo: next"  # an empty reply is not sent


def test_a_stop_of_a_message_queued_behind_another_does_nothing(system, socket):
    with directives.held(system, at=1) as hold:
        first = socket.say(hold.ask)
        second = socket.say("second")
        hold.wait()
        socket.send(type="stop", id=second)
        socket.send(type="stop", id=str(uuid.uuid4()))
        socket.send(type="nonsense")
        socket.until(lambda frame: frame.get("code") == "invalid")  # the stops have run
        hold.release()
        assert socket.until_answered(first)["status"] == "done"
        assert socket.until_answered(second)["status"] == "done"


def test_a_stop_without_an_unanswered_message_does_nothing(socket):
    socket.send(type="stop")
    message_id = socket.say("hello")
    assert socket.until_answered(message_id)["status"] == "done"


def test_the_message_after_a_stopped_one_is_answered(system, socket):
    with directives.held(system, at=1) as hold:
        first, second = socket.say(hold.ask), socket.say("second")
        hold.wait()
        socket.send(type="stop")
        assert socket.until_answered(first)["status"] == "stopped"
        assert socket.until_answered(second)["msg"] == "echo: second"


# retry


def test_a_retry_after_a_success_gives_another_reply(system, token, socket):
    message_id = socket.say("hello")
    old = socket.until_answered(message_id)
    socket.send(type="retry", id=message_id)
    assert socket.until_type("ack")["id"] == message_id
    new = socket.until_answered(message_id)
    assert new["id"] != old["id"]
    assert [m["id"] for m in history(system.web.url, token)] == [message_id, new["id"]]
    assert old["id"] not in socket.messages


def test_a_retry_after_a_failure_can_succeed(system, socket):
    ask = directives.fails_once(system)
    message_id = socket.say(ask)
    failure = socket.until_answered(message_id)
    assert (failure["type"], failure["code"]) == ("error", "model_refused")
    assert "id" not in failure
    socket.send(type="retry", id=message_id)
    assert socket.until_answered(message_id)["status"] == "done"


def test_a_retry_of_a_streaming_reply_is_acknowledged_and_changes_nothing(system, socket):
    with directives.held(system, at=1) as hold:
        message_id = socket.say(hold.ask)
        start = socket.until_type("start")
        hold.wait()
        socket.send(type="retry", id=message_id)
        assert socket.until_type("ack")["id"] == message_id
        hold.release()
        assert socket.until_answered(message_id)["id"] == start["id"]


def test_only_the_last_message_can_be_retried(socket):
    first, second = socket.say("first"), socket.say("second")
    socket.until_answered(second)
    socket.send(type="retry", id=first)
    refusal = socket.until_type("error")
    assert (refusal["code"], refusal["id"]) == ("unknown_message", first)


# failures


def test_a_failure_names_the_message_and_stays_in_the_history(system, token, socket):
    message_id = socket.say(directives.status(422))
    failure = socket.until_answered(message_id)
    assert (failure["type"], failure["code"]) == ("error", "model_refused")
    stored = history(system.web.url, token)[1]
    assert (stored["status"], stored["error"], stored["msg"]) == (
        "failed",
        "model_refused",
        "Bot: ",
    )
    again = socket.say("hello")
    assert socket.until_answered(again)["msg"] == "echo: hello"
    assert failure["msg"] == ModelRefused.msg
    assert "error_msg" not in stored


def test_a_cause_that_a_person_understands_has_a_sentence_of_its_own(system, token, socket):
    failure = socket.until_answered(socket.say(directives.status(401)))
    assert (failure["code"], failure["msg"]) == ("model_refused", ModelUnusable.msg)
    stored = history(system.web.url, token)[1]
    assert (stored["error"], stored["error_msg"]) == ("model_refused", ModelUnusable.msg)


def test_a_failed_message_is_left_out_of_the_next_prompt(system, socket):
    marker = str(uuid.uuid4())
    socket.until_answered(socket.say(directives.status(422) + " " + marker))
    socket.until_answered(socket.say("after " + marker[::-1]))
    prompts = directives.requests_with(system, marker[::-1])
    assert prompts
    assert not any(marker in prompt for prompt in prompts)


# ping


def test_a_ping_is_answered_with_a_pong_and_nothing_else(system, token, socket):
    system.client.expire(token, 100)
    for _ in range(3):
        socket.send(type="ping", id="7", mood="good")
    message_id = socket.say("hello")
    socket.until_type("ack")
    assert socket.frames[1:4] == [{"type": "pong"}] * 3
    assert socket.frames[4]["type"] == "ack"
    assert socket.until_answered(message_id)["status"] == "done"


def test_a_ping_does_not_count_as_activity(system, token, socket):
    system.client.expire(token, 100)
    socket.send(type="ping")
    socket.until_type("pong")
    assert system.client.ttl(token) <= 100


def test_the_history_comes_before_the_answer_to_an_early_ping(system, token):
    early = open_websocket(system.web.ws, subprotocols=["chat.events.v1", f"bearer.{token}"])
    early.send('{"type": "ping"}')
    assert [json.loads(early.recv())["type"] for _ in range(2)] == ["history", "pong"]
    early.close()


def test_a_ping_in_plain_mode_is_an_ordinary_message(system, token):
    plain = Plain(system.web.ws, token)
    plain.say('{"type": "ping"}')
    assert plain.reply()["msg"] == 'echo: {"type": "ping"}'


def test_a_flood_of_pings_is_answered_while_other_clients_are_served(system, socket):
    ping = ABNF.create_frame('{"type": "ping"}', ABNF.OPCODE_TEXT).format()
    flood = threading.Thread(target=socket.socket.sock.sendall, args=(ping * FLOOD,))
    other = Events(system.web.ws, begin(system.web.url))
    flood.start()
    latencies = []
    for _ in range(FLOOD):
        assert socket.frame() == {"type": "pong"}
        if len(socket.frames) % 100 == 0:
            sent_at = time.monotonic()
            other.send(type="ping")
            other.until_type("pong")
            latencies.append(time.monotonic() - sent_at)
    flood.join()
    assert sorted(latencies)[len(latencies) // 2] < 1


# the end of a session


def test_the_websockets_of_an_expired_session_are_closed(system, token, socket):
    system.client.delete(token)  # its expiry has the same effect
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        socket.frame()
    assert socket.closed_with == 1008


def test_a_message_to_an_expired_session_closes_the_websocket_at_once(system, token, socket):
    system.client.delete(token)
    socket.say("hello")
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        socket.frame()
    assert socket.closed_with == 1008


def test_erasing_a_session_aborts_its_reply_and_closes_its_websockets(system, token, socket):
    with directives.held(system, at=1) as hold:
        socket.say(hold.ask)
        hold.wait()
        requests.delete(f"{system.web.url}/token?token={token}", timeout=20)
        hold.wait_closed()
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        socket.until_type("nothing more")
    assert socket.closed_with == 1008
    assert system.client.exists(token) == 0


def test_a_binary_frame_is_read_as_json_or_refused(socket):
    socket.socket.send_binary(json.dumps({"type": "stop"}).encode())
    socket.socket.send_binary(b"\xff")
    assert socket.frame()["code"] == "invalid"
