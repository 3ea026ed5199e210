"""Requests over HTTP, whatever server answers them."""

from __future__ import annotations

import json

import pytest

from terminal.errors import Failed
from terminal.http_client import check_url, create_session, is_alive
from tests.terminal.http_server import SESSION_ENDED, TOKEN, http_server


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://127.0.0.1:3500", "http://127.0.0.1:3500"),
        (" https://chat.example/ ", "https://chat.example"),
        ("http://[::1]:3500/under/", "http://[::1]:3500/under"),
        ("HTTP://chat.example?x=1#y", "http://chat.example"),
    ],
)
def test_an_address_may_be_written_in_several_ways(given, expected):
    assert check_url(given) == expected


@pytest.mark.parametrize(
    "given", ["", "chat", "ftp://x", "http://", "http://[::1", "http://x:99999"]
)
def test_a_text_that_is_not_an_address_is_refused(given):
    with pytest.raises(Failed, match="is not the address of a chat"):
        check_url(given)


@pytest.mark.parametrize(
    ("status", "body", "headers", "message"),
    [
        (404, b"<html>", {}, r"is not this chat \(HTTP 404\)"),
        (200, b"{}", {}, "is not this chat"),
        (200, b'{"token": "../x"}', {}, "is not this chat"),
        (
            400,
            b'{"detail": {"msg": "Enter a valid name"}}',
            {},
            "does not accept this name",
        ),
        (429, b"", {"Retry_After": "7"}, "Try again in 7 seconds"),
        (503, b"", {}, "is not available right now"),
        (307, b"", {"Location": "http://other.example/token"}, "has moved to http://other.example"),
    ],
)
def test_a_server_that_begins_no_session_is_reported(status, body, headers, message):
    with http_server(status, body, **headers) as (url, _), pytest.raises(Failed, match=message):
        create_session(url, "Ada")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://a..b"])
def test_an_address_where_nothing_answers_is_reported(url):
    with pytest.raises(Failed, match="Nothing answers at"):
        create_session(url, "Ada")


def test_a_session_is_alive_until_the_server_says_that_it_has_ended():
    with http_server(200) as (url, _):
        assert is_alive(url, TOKEN)
    with http_server(400, SESSION_ENDED) as (url, _):
        assert not is_alive(url, TOKEN)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (400, b"[]"),
        (400, b"<html>Bad Request</html>"),
        (400, b'{"detail": {"msg": "Enter a valid name"}}'),
        (204, b""),
        (401, SESSION_ENDED),
        (403, b""),
        (404, b"<html>"),
        (429, b""),
    ],
)
def test_no_other_answer_means_that_a_session_has_ended(status, body):
    with http_server(status, body) as (url, _), pytest.raises(Failed, match=f"HTTP {status}"):
        is_alive(url, TOKEN)


def test_the_token_is_never_part_of_a_url():
    with http_server(200, json.dumps({"token": TOKEN}).encode()) as (url, received):
        is_alive(url, TOKEN)
        create_session(url, "Ada")
    lines = [line for line, _ in received]
    assert lines == ["GET /refresh_token HTTP/1.1", "POST /token HTTP/1.1"]
    assert received[0][1]["Authorization"] == f"Bearer {TOKEN}"
