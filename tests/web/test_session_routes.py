"""The routes that create, read and erase sessions, on a running web process."""

from __future__ import annotations

import socket
import uuid
from datetime import datetime, timedelta

import pytest
import requests

from tests.clients import begin
from tests.processes import wait_until

GONE = {"detail": "Session expired or does not exist"}
BAD_NAME = {"detail": {"loc": "name", "msg": "Enter a valid name"}}


def call(system, method, path, **options):
    return requests.request(method, system.web.url + path, timeout=20, **options)


def test_the_api_says_that_it_is_online(system):
    response = call(system, "GET", "/test")
    assert (response.status_code, response.json()) == (200, {"msg": "API is Online"})


@pytest.mark.parametrize(
    "given", [{"params": {"name": " Ada "}}, {"json": {"name": "Ada"}}, {"data": {"name": "Ada"}}]
)
def test_a_session_is_created_with_a_name_from_query_json_or_form(system, given):
    response = call(system, "POST", "/token", **given)
    assert response.status_code == 200
    session = response.json()
    assert set(session) == {"token", "name", "session_start", "messages"}
    assert (session["name"], session["messages"]) == ("Ada", [])
    assert uuid.UUID(session["token"]).version == 4
    assert datetime.fromisoformat(session["session_start"]).utcoffset() == timedelta(0)


@pytest.mark.parametrize("name", ["x", "x" * 100, "é" * 100, "名前"])
def test_a_name_may_have_up_to_a_hundred_characters(system, name):
    assert call(system, "POST", "/token", params={"name": name}).json()["name"] == name


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"params": {"name": ""}},
        {"params": {"name": "  "}},
        {"params": {"name": "x" * 101}},
        {"json": {"name": 7}},
        {"json": {"name": None}},
        {"json": ["name"]},
        {"data": "{", "headers": {"Content-Type": "application/json"}},
        {"data": "[" * 60_000, "headers": {"Content-Type": "application/json"}},
        {"data": '{"name": "\\ud800"}', "headers": {"Content-Type": "application/json"}},
    ],
)
def test_an_invalid_name_is_refused(system, given):
    response = call(system, "POST", "/token", **given)
    assert (response.status_code, response.json()) == (400, BAD_NAME)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_is_read_with_its_token_in_the_query_or_as_a_bearer(system, method):
    token = begin(system.web.url, "Ada")
    by_query = call(system, method, f"/refresh_token?token={token}")
    bearer = {"Authorization": f"Bearer {token}"}
    assert by_query.status_code == 200
    assert by_query.json() == call(system, method, "/refresh_token", headers=bearer).json()
    assert by_query.json()["token"] == token


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "11111111-1111-4111-8111-111111111111",  # unknown
        "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA",
        "11111111-1111-1111-8111-111111111111",  # of version 1
    ],
)
def test_an_invalid_or_unknown_token_reads_nothing(system, method, token):
    response = call(system, method, "/refresh_token", params={"token": token})
    assert (response.status_code, response.json()) == (400, GONE)


def test_a_redis_key_that_is_not_a_token_cannot_be_read(system):
    system.client.set("secret", "value")
    assert call(system, "GET", "/refresh_token?token=secret").status_code == 400


def test_an_erased_session_is_gone(system):
    token = begin(system.web.url)
    response = call(system, "DELETE", f"/token?token={token}")
    assert (response.status_code, response.content) == (204, b"")
    assert system.client.exists(token) == 0
    for method, path in (("DELETE", "/token"), ("GET", "/refresh_token")):
        response = call(system, method, f"{path}?token={token}")
        assert (response.status_code, response.json()) == (400, GONE)


def test_reading_a_session_renews_its_expiry(system):
    token = begin(system.web.url)
    system.client.expire(token, 100)
    call(system, "GET", f"/refresh_token?token={token}")
    assert system.client.ttl(token) > 3000


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/token", 405)]
)
def test_errors_are_json(system, method, path, status):
    response = call(system, method, path)
    assert response.status_code == status
    assert set(response.json()) == {"detail"}


def test_only_pages_of_allowed_origins_may_read_the_responses(system):
    for origin, allowed in (("http://localhost:3000", True), ("http://evil.example", False)):
        response = call(system, "POST", "/token?name=Ada", headers={"Origin": origin})
        assert (response.headers.get("Access-Control-Allow-Origin") == origin) == allowed


def test_no_token_reaches_the_access_log(system):
    token = begin(system.web.url)
    call(system, "GET", f"/refresh_token?token={token}")
    call(system, "GET", "/nowhere/for/the/log")
    wait_until(lambda: "/nowhere/for/the/log" in system.web.output())
    assert token not in system.web.output()


def test_a_path_cannot_forge_a_line_of_the_access_log(system):
    call(system, "GET", "/one%0Atwo%1B[2J%FF")

    def requests_logged() -> list[tuple[str, int]]:
        records = [record for record in system.web.records() if record["event"] == "request"]
        return [(record["path"], record["status"]) for record in records]

    wait_until(lambda: ("/one%0Atwo%1B%5B2J%FF", 404) in requests_logged())


def test_no_token_of_a_malformed_request_reaches_the_log(system):
    token = begin(system.web.url)
    with socket.create_connection(("127.0.0.1", system.web.port), timeout=20) as connection:
        connection.sendall(f"GET /refresh_token?token={token}\r\n\r\n".encode())
        while connection.recv(4096):
            pass
    wait_until(lambda: "refresh_token?token=***" in system.web.output())
    assert token not in system.web.output()


def test_an_oversized_body_is_refused_with_and_without_a_content_length(system):
    big = b'{"name": "Ada"' + b" " * 70_000 + b"}"
    json_type = {"Content-Type": "application/json"}
    for data in (big, iter([big])):
        response = call(system, "POST", "/token", data=data, headers=json_type)
        assert response.status_code == 413
        assert set(response.json()) == {"detail"}
