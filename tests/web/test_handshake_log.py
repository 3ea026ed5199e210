"""The log says why a handshake was refused, for the operator of the proxy that changed it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing

import pytest

from chat.ids import new_id
from tests.clients import begin
from tests.processes import wait_until
from tests.system import System

WEBSOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("web"), webs=1, workers=0) as system:
        yield system


def send_handshake(
    web: System, *, path: str = "/chat", method: str = "GET", **changed: str | None
) -> int:
    """Send a handshake with a session's token and ``changed`` headers; return the status."""
    token = begin(web.web.url)
    headers: dict[str, str | None] = {**WEBSOCKET, "Sec-WebSocket-Protocol": f"bearer.{token}"}
    for name, value in changed.items():
        headers[name.replace("_", "-")] = value
    connection = http.client.HTTPConnection("127.0.0.1", web.web.port, timeout=30)
    with closing(connection):
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name, value.replace("TOKEN", token).encode("latin-1"))
        connection.endheaders()
        return connection.getresponse().status


def refusals(web: System) -> list[str]:
    return [line for line in web.output().splitlines() if "handshake was refused" in line]


@pytest.mark.parametrize(
    ("changed", "status", "expected"),
    [
        ({"Origin": "http://a.test:8080", "Host": "a.test"}, 403, "http_host"),
        ({"Origin": "https://a.test:8443", "Host": "a.test"}, 403, "another port"),
        ({"Origin": "http://b.test:8080", "Host": "chat_web"}, 403, "Host is 'chat_web'"),
        ({"Origin": "http://c.test", "Host": "127.0.0.1:3500"}, 403, "ALLOWED_ORIGINS"),
        (
            {"Origin": "http://d.test", "Host": "up", "X_Forwarded_Host": "d.test"},
            403,
            "but X-Forwarded-Host is",
        ),
        ({"Origin": "null", "Host": "e.test"}, 403, "of 'null'"),
        ({"Upgrade": None, "Connection": "close"}, 400, "proxy_set_header Upgrade"),
        ({"Upgrade": None, "Connection": None, "Host": "f.test"}, 400, "proxy_http_version 1.1"),
        ({"Connection": "close"}, 400, "Connection is 'close'"),
        ({"Connection": None}, 400, "Connection is missing"),
        ({"Sec_WebSocket_Key": None}, 400, "no Sec-WebSocket-Key."),
        ({"Sec_WebSocket_Version": None}, 426, "no Sec-WebSocket-Version."),
        (
            {"Sec_WebSocket_Key": None, "Sec_WebSocket_Version": None},
            426,
            "no Sec-WebSocket-Key and no Sec-WebSocket-Version.",
        ),
        ({"Sec_WebSocket_Version": "8"}, 426, "is '8', but must be 13"),
        ({"Sec_WebSocket_Protocol": "bearer.TOKEN, \xc5\xbe"}, 400, "not a valid handshake"),
        ({"Sec_WebSocket_Protocol": None}, 403, "has no token"),
        ({"Sec_WebSocket_Protocol": f"bearer.{new_id()}"}, 403, "not in Redis"),
        ({"path": "/"}, 400, "its path is '/'"),
        ({"path": "/ws/chat"}, 404, "its path is '/ws/chat'"),
        ({"method": "POST"}, 405, "its method is 'POST'"),
    ],
)
def test_the_cause_of_a_refusal_is_logged_once(web, changed, status, expected):
    before = len(refusals(web))
    for _ in range(3):
        assert send_handshake(web, **changed) == status
    wait_until(lambda: any(expected in line for line in refusals(web)), within=10)
    new = refusals(web)[before:]
    assert len(new) <= 1  # another parameter may have logged the same line before
    assert all(f"({status})" in line for line in new)
    for name in ("Origin", "Host"):
        assert all(changed.get(name, "") in line for line in new) or "Origin" not in changed


def test_refused_requests_that_are_not_handshakes_are_not_logged(web):
    before = refusals(web)
    plain = dict.fromkeys(WEBSOCKET) | {"Sec_WebSocket_Protocol": None}
    assert send_handshake(web, **plain, path="/nowhere", Origin="http://g.test") == 404
    assert send_handshake(web, **plain) == 400
    assert refusals(web) == before


def test_the_log_lines_have_no_control_characters_and_no_token_and_are_short(web):
    token = new_id()
    send_handshake(web, Origin=f"http://h.test/{token}/\x85\xff{'x' * 3000}")
    send_handshake(web, Connection=f"close, {token}")
    send_handshake(web, path="/h%0aforged", Origin="http://h.test")
    send_handshake(web, Host=f"h.test/{token}", Origin="http://h.test")
    wait_until(lambda: len([line for line in refusals(web) if "h.test" in line]) >= 1)
    assert token not in web.output()
    assert "\nforged" not in web.output()
    assert max(map(len, refusals(web))) < 800
    assert all(line.isascii() for line in refusals(web))


def test_many_refusals_leave_few_log_lines(web):
    before = len(refusals(web))
    for number in range(60):
        assert send_handshake(web, Origin=f"http://flood{number}.test") == 403
    assert len(refusals(web)) - before <= 20


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://a.test:8080", "a.test:8080"),
        ("http://chat_web:3500", "chat_web:3500"),
        ("https://a.test", "a.test"),
        ("http://localhost:3000", "elsewhere.test"),  # of ALLOWED_ORIGINS
        (None, "a.test"),
    ],
)
def test_a_page_of_the_own_host_may_connect_whatever_the_name_of_the_host(web, origin, host):
    assert send_handshake(web, Origin=origin, Host=host) == 101
