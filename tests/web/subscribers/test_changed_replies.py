"""What changes the last reply after its end: continue, and retry with or without a new text."""

from __future__ import annotations

import uuid

import pytest

from tests import directives
from tests.clients import Events, Plain, begin, history


@pytest.fixture
def token(system) -> str:
    return begin(system.web.url, "Ada")


@pytest.fixture
def socket(system, token) -> Events:
    return Events(system.web.ws, token)


@pytest.fixture
def other(system, token, socket) -> Events:
    """Another client of the session, at another web process."""
    return Events(system.webs[1].ws, token)


def ask(socket: Events, text: str) -> str:
    """Send a message and wait for its reply; return the message's id."""
    message_id = socket.say(text)
    socket.until_answered(message_id)
    return message_id


def refusal_of(socket: Events, **frame: str) -> str:
    """Send a frame that is refused; return the code."""
    socket.send(**frame)
    refusal = socket.until_type("error")
    assert refusal["id"] == frame["id"]
    return str(refusal["code"])


def texts(system, token) -> list[str]:
    return [message["msg"] for message in history(system.web.url, token)]


# continue


def test_a_reply_that_the_limit_has_cut_says_so_and_goes_on_at_the_word(
    system, token, socket, other
):
    text = directives.cut(4)
    message_id = ask(socket, text)
    cut = other.until_answered(message_id)
    assert (cut["msg"], cut["finish"]) == ("echo: please w0 w1", "length")
    assert history(system.web.url, token)[1]["finish"] == "length"
    socket.frames.clear()
    socket.send(type="continue", id=message_id)
    done = socket.until_answered(message_id)
    ack, start, *deltas, _ = socket.frames
    assert ack == {"type": "ack", "id": message_id, "position": 0}
    assert start == {
        **{"type": "start", "id": cut["id"], "reply_to": message_id, "attempt": 1},
        **{"msg": cut["msg"], "n": 1},
    }
    assert [delta["n"] for delta in deltas] == list(range(1, len(deltas) + 1))
    whole = "echo: please w0 w1 w2 w3 w4 w5"
    assert (done["id"], done["msg"], done["finish"]) == (cut["id"], whole, "length")
    assert other.until_answered(message_id) == done
    socket.send(type="continue", id=message_id)
    done = socket.until_answered(message_id)
    assert (done["msg"], done["finish"]) == (f"{whole} w6 w7", "stop")
    assert texts(system, token) == [f"Human: {text}", f"Bot: {whole} w6 w7"]
    assert refusal_of(socket, type="continue", id=message_id) == "unknown_message"


def test_a_stopped_reply_is_continued_and_can_be_stopped_again(system, token, socket, other):
    with directives.held(system, at=3) as hold:
        message_id = socket.say(hold.ask)
        for _ in range(2):  # the second time before a new word
            hold.wait()
            hold.forget()
            socket.send(type="stop")
            stopped = socket.until_answered(message_id)
            assert (stopped["status"], stopped["msg"]) == ("stopped", "echo: please w0")
            socket.send(type="continue", id=message_id)
            assert socket.until_type("ack")["id"] == message_id
        hold.wait()
        late = Events(system.web.ws, token)
        reply = late.reply_to(message_id)
        assert (reply["status"], reply["msg"], reply["n"]) == ("streaming", stopped["msg"], 1)
        hold.release()
        done = [each.until_answered(message_id) for each in (socket, late)]
        other.until(lambda frame: frame.get("status") == "done")
    assert [(each["id"], each["msg"]) for each in done] == [(stopped["id"], hold.text)] * 2
    assert other.reply_to(message_id) == done[0]


def test_a_reply_that_failed_with_text_is_continued(system, token, socket):
    message_id = ask(socket, f"[[words=4 fault=error:3 times=4 name={uuid.uuid4()}]] please")
    failed = socket.reply_to(message_id)
    while socket.frames[-1]["type"] == "error":  # the stand-in fails at the same word again
        assert history(system.web.url, token)[1]["msg"].startswith("Bot: echo: please")
        socket.send(type="continue", id=message_id)
        socket.until_answered(message_id)
    assert socket.reply_to(message_id)["id"] == failed["id"]
    assert texts(system, token)[1] == "Bot: echo: please w0 w1 w2 w3"


def test_a_reply_that_streams_is_acknowledged_and_goes_on(system, socket):
    with directives.held(system, at=1) as hold:
        message_id = socket.say(hold.ask)
        hold.wait()
        socket.until_type("start")
        socket.send(type="continue", id=message_id)
        assert socket.until_type("ack")["id"] == message_id
        hold.release()
        assert socket.until_answered(message_id)["msg"] == hold.text
    assert [frame["type"] for frame in socket.frames].count("start") == 1


def test_only_the_last_reply_can_be_continued(socket):
    first = ask(socket, directives.cut(2))
    ask(socket, "second")
    assert refusal_of(socket, type="continue", id=first) == "unknown_message"
    assert refusal_of(socket, type="continue", id=str(uuid.uuid4())) == "unknown_message"
    assert refusal_of(socket, type="continue", id="x") == "invalid"


def test_a_continued_reply_counts_in_the_next_prompt_as_a_whole(system, socket):
    marker = str(uuid.uuid4())
    message_id = ask(socket, f"[[words=4 length=3]] {marker}")
    socket.send(type="continue", id=message_id)
    socket.until_answered(message_id)
    ask(socket, "and then?")
    (body,) = [b for b in directives.requests_with(system, marker) if "and then?" in b]
    assert f"Bot: echo: {marker} w0 w1 w2 w3 Human: and then?" in body


# retry with a new text


def test_an_edited_message_is_published_and_answered_anew(system, token, socket, other):
    message_id = ask(socket, "hello")
    old = other.until_answered(message_id)
    socket.frames.clear()
    socket.send(type="retry", id=message_id, msg="  goodbye ")
    new = socket.until_answered(message_id)
    assert [frame["type"] for frame in socket.frames][:3] == ["ack", "message", "start"]
    assert (socket.frames[1]["id"], socket.frames[1]["msg"]) == (message_id, "goodbye")
    assert (new["msg"], new["id"] == old["id"]) == ("echo: goodbye", False)
    assert other.until(lambda frame: frame.get("id") == new["id"] and "msg" in frame) == new
    assert other.messages[message_id]["msg"] == "goodbye"
    assert texts(system, token) == ["Human: goodbye", "Bot: echo: goodbye"]


def test_a_new_text_that_is_no_message_is_refused_and_nothing_changes(system, token, socket):
    message_id = ask(socket, "hello")
    retry = {"type": "retry", "id": message_id}
    assert refusal_of(socket, **retry, msg="  ") == "invalid"
    assert refusal_of(socket, **retry, msg="\ud800") == "invalid"
    assert refusal_of(socket, **retry, msg="x" * 4001) == "too_long"
    assert texts(system, token) == ["Human: hello", "Bot: echo: hello"]


# the old reply comes back


def test_the_old_reply_is_back_after_a_retry_that_failed(system, token, socket, other):
    message_id = socket.say(directives.answered_once("status=422"))
    old = socket.until_answered(message_id)
    socket.frames.clear()
    socket.send(type="retry", id=message_id)
    error = socket.until_answered(message_id)
    assert (error["type"], error["code"]) == ("error", "model_refused")
    assert socket.frame() == old
    assert [frame["type"] for frame in socket.frames] == ["ack", "start", "error", "message"]
    assert history(system.web.url, token)[1]["id"] == old["id"]
    other.until(lambda _: other.frames[-2:] == socket.frames[-2:])
    assert other.messages == socket.messages
    assert Events(system.web.ws, token).reply_to(message_id)["msg"] == old["msg"]


def test_the_old_reply_is_back_after_a_retry_that_was_stopped_before_its_first_word(
    system, token, socket
):
    message_id = socket.say(directives.answered_once("fault=silence"))
    old = socket.until_answered(message_id)
    for _ in range(2):
        socket.send(type="retry", id=message_id)
        socket.until_type("start")
        socket.send(type="stop", id=message_id)
        assert socket.until_answered(message_id) == old
    assert texts(system, token)[1] == "Bot: echo: please"


def test_a_failure_of_an_edited_message_stays(system, token, socket):
    message_id = ask(socket, "hello")
    socket.send(type="retry", id=message_id, msg=directives.status(422))
    assert socket.until_answered(message_id)["type"] == "error"
    ask(socket, "next")
    assert texts(system, token)[1] == "Bot: "
    assert [m["msg"] for m in socket.messages.values()][-1] == "echo: next"


# plain mode


def test_plain_mode_sends_a_continued_reply_again_and_no_old_reply(system, token, socket):
    plain = Plain(system.webs[1].ws, token)
    message_id = ask(socket, directives.cut(3, number=3))
    first = plain.reply()
    assert first["msg"] == "echo: please w0"
    socket.send(type="continue", id=message_id)
    whole = plain.reply()
    assert (whole["id"], whole["msg"]) == (first["id"], "echo: please w0 w1 w2")
    message_id = ask(socket, directives.answered_once("status=422"))
    assert plain.reply()["msg"] == "echo: please"
    socket.send(type="retry", id=message_id)
    assert plain.reply()["error"] == "model_refused"
    ask(socket, "next")
    assert plain.reply()["msg"] == "echo: next"


def test_plain_mode_sends_no_thinking(system, token, socket):
    plain = Plain(system.webs[1].ws, token)
    with directives.held(system, at=1) as hold:
        message_id = socket.say(hold.ask)
        start = socket.until_type("start")
        hold.wait()
        directives.publish_thinking(system, token, start["id"], message_id)
        assert socket.until_type("thinking") == {
            **{"type": "thinking", "id": start["id"], "reply_to": message_id}
        }
        hold.release()
        assert plain.reply()["msg"] == hold.text
