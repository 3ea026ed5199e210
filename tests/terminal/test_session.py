"""A session's beginning over HTTP, whatever answers there, and the file for its token."""

from __future__ import annotations

import json
import re
import signal
import stat
import uuid

import pytest

from terminal.errors import Failed
from terminal.session import TokenFile, begin, check_url, is_alive
from terminal.websocket_client import Link, LostError
from tests.processes import wait_until
from tests.pty_terminal import pipe, piping
from tests.terminal.answering import answering

TOKEN = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://127.0.0.1:3500", "http://127.0.0.1:3500"),
        (" https://chat.example/ ", "https://chat.example"),
        ("http://[::1]:3500/under/", "http://[::1]:3500/under"),
        ("HTTP://chat.example?x=1#y", "http://chat.example"),
    ],
)
def test_an_address_may_be_written_in_several_ways(given, meant):
    assert check_url(given) == meant


@pytest.mark.parametrize(
    "given", ["", "chat", "ftp://x", "http://", "http://[::1", "http://x:99999"]
)
def test_what_is_no_address_is_told(given):
    with pytest.raises(Failed, match="is no address of a chat"):
        check_url(given)


@pytest.mark.parametrize(
    ("status", "body", "headers", "told"),
    [
        (404, b"<html>", {}, r"is no such chat \(HTTP 404\)"),
        (200, b"{}", {}, "is no such chat"),
        (200, b'{"token": "../x"}', {}, "is no such chat"),
        (400, b'{"detail": {"msg": "Enter a valid name"}}', {}, "does not take this name: Enter a"),
        (429, b"", {"Retry_After": "7"}, "try again in 7 seconds"),
        (503, b"", {}, "cannot take anybody in right now"),
        (307, b"", {"Location": "http://other.example/token"}, "has moved to http://other.example"),
    ],
)
def test_a_server_that_takes_nobody_in_is_told(status, body, headers, told):
    with answering(status, body, **headers) as (url, _), pytest.raises(Failed, match=told):
        begin(url, "Ada")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://a..b"])
def test_an_address_where_nothing_answers_is_told(url):
    with pytest.raises(Failed, match="Nothing answers at"):
        begin(url, "Ada")


def test_a_session_is_alive_as_long_as_the_server_says_so():
    with answering(200) as (url, _):
        assert is_alive(url, TOKEN)
    with answering(400) as (url, _):
        assert not is_alive(url, TOKEN)


def test_the_token_is_in_no_address_over_http():
    with answering(200, json.dumps({"token": TOKEN}).encode()) as (url, asked):
        is_alive(url, TOKEN)
        begin(url, "Ada")
    lines = [line for line, _ in asked]
    assert lines == ["GET /refresh_token HTTP/1.1", "POST /token HTTP/1.1"]
    assert asked[0][1]["Authorization"] == f"Bearer {TOKEN}"


def test_the_token_is_in_no_address_of_a_socket():
    with answering(403) as (url, asked), pytest.raises(Failed, match="expired or was erased"):
        Link(url, TOKEN)
    (line, headers), *_ = asked
    assert line == "GET /chat HTTP/1.1"
    assert headers["Sec-WebSocket-Protocol"] == f"chat.events.v1,bearer.{TOKEN}"
    assert "Origin" not in headers


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (200, "by WebSocket (HTTP 200); a proxy"),
        (400, "by WebSocket (HTTP 400); a proxy"),
        (404, "by WebSocket (HTTP 404); a proxy"),
        (429, "too many connections from here"),
        (500, "takes no connection right now (HTTP 500)"),
        (503, "takes no connection right now (HTTP 503)"),
    ],
)
def test_a_handshake_that_is_refused_says_why_and_is_tried_again(status, told):
    with answering(status) as (url, _), pytest.raises(LostError, match=re.escape(told)):
        Link(url, TOKEN)


def test_a_chat_that_refuses_a_living_session_has_not_erased_it():
    with (
        answering(403, at={"/refresh_token": 200}) as (url, _),
        pytest.raises(LostError, match="refuses this connection"),
    ):
        Link(url, TOKEN)


def test_a_socket_follows_no_one_elsewhere():
    moved = answering(307, Location="http://other.example/chat")
    with moved as (url, asked), pytest.raises(LostError):
        Link(url, TOKEN)
    assert len(asked) == 1


def test_an_interrupt_before_there_is_a_connection_ends_without_a_word():
    with (
        answering(200, json.dumps({"token": TOKEN}).encode()) as (url, asked),
        piping(url, "hello") as chat,
    ):
        wait_until(lambda: [line for line, _ in asked if "/chat" in line])
        chat.send_signal(signal.SIGINT)
        assert (chat.wait(30), chat.stdout.read(), chat.stderr.read()) == (130, "", "")


def test_what_a_server_says_in_an_error_is_no_command_to_the_terminal():
    said = json.dumps({"detail": {"msg": "\x1b]0;owned\x07"}}).encode()
    with answering(400, said) as (url, _):
        run = pipe(url, "hello")
    assert run.stderr.decode() == (
        "Error: The chat does not take this name: \ufffd]0;owned\ufffd.\n"
    )


def test_a_token_is_kept_for_its_owner_alone(tmp_path):
    path = tmp_path / "token"
    file = TokenFile(path)
    assert file.load() is None
    file.save(TOKEN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert file.load() == TOKEN
    other = str(uuid.uuid4())
    file.save(other)
    assert file.load() == other
    assert list(tmp_path.iterdir()) == [path]


def test_a_token_takes_the_place_of_one_that_others_could_read(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    with pytest.raises(Failed, match=f"Others may read .*chmod 600 {path}"):
        TokenFile(path).load()
    TokenFile(path).save(TOKEN)
    assert TokenFile(path).load() == TOKEN


@pytest.mark.parametrize("kept", [b"", b"hello\n", b"\xff" * 40, TOKEN.upper().encode()])
def test_a_file_that_holds_something_else_is_left_alone(tmp_path, kept):
    path = tmp_path / "letter"
    path.write_bytes(kept)
    path.chmod(0o600)
    with pytest.raises(Failed, match="holds no chat's token; name another file"):
        TokenFile(path).load()
    assert path.read_bytes() == kept


def test_a_place_where_no_file_can_be_is_told(tmp_path):
    file = TokenFile(tmp_path / "nowhere" / "token")
    assert file.load() is None
    with pytest.raises(Failed, match="cannot be written: No such file or directory"):
        file.save(TOKEN)
    with pytest.raises(Failed, match="cannot be read: Is a directory"):
        TokenFile(tmp_path).load()
