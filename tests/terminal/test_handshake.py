"""The WebSocket handshake, whatever server answers it."""

from __future__ import annotations

import re

import pytest

from terminal.errors import ConnectionLostError, Failed
from terminal.websocket_client import WebSocketClient
from tests.terminal.http_server import SESSION_ENDED, TOKEN, http_server


def test_the_token_is_in_a_header_and_not_in_the_url():
    ended = http_server(403, SESSION_ENDED, at={"/refresh_token": 400})
    with ended as (url, received), pytest.raises(Failed, match="expired or was erased"):
        WebSocketClient(url, TOKEN)
    (line, headers), *_ = received
    assert line == "GET /chat HTTP/1.1"
    assert headers["Sec-WebSocket-Protocol"] == f"chat.events.v1,bearer.{TOKEN}"
    assert "Origin" not in headers


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (200, "by WebSocket (HTTP 200); a proxy"),
        (400, "by WebSocket (HTTP 400); a proxy"),
        (404, "by WebSocket (HTTP 404); a proxy"),
        (429, "too many connections to the chat from here"),
        (500, "accepts no connection right now (HTTP 500)"),
        (503, "accepts no connection right now (HTTP 503)"),
    ],
)
def test_a_refusal_has_a_reason_and_allows_another_attempt(status, message):
    refused = pytest.raises(ConnectionLostError, match=re.escape(message))
    with http_server(status) as (url, _), refused:
        WebSocketClient(url, TOKEN)


@pytest.mark.parametrize("status", [200, 403, 429, 503])
def test_a_403_is_no_end_unless_the_server_says_that_the_session_has_ended(status):
    with (
        http_server(403, at={"/refresh_token": status}) as (url, _),
        pytest.raises(ConnectionLostError, match="refuses this connection"),
    ):
        WebSocketClient(url, TOKEN)


def test_a_redirect_is_not_followed():
    moved = http_server(307, Location="http://other.example/chat")
    with moved as (url, received), pytest.raises(ConnectionLostError):
        WebSocketClient(url, TOKEN)
    assert len(received) == 1
