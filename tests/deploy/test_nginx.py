"""nginx with `deploy/nginx/chat.conf` before web processes: https, wss, logs without tokens."""

from __future__ import annotations

import json
import re

import pytest
import requests
import websocket

from tests.clients import Events, begin, history
from tests.deployed_nginx import CONFIGURATION, DeployedNginx
from tests.processes import free_port
from web.server.request_limits import MAX_BODY_BYTES
from web.transport.websocket import Times


@pytest.fixture
def nginx(system, tmp_path, monkeypatch):
    with DeployedNginx(tmp_path / "nginx", [web.port for web in system.webs]) as nginx:
        trust(nginx, monkeypatch)
        yield nginx


def trust(nginx: DeployedNginx, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests and websocket-client trust the certificate of this nginx."""
    for name, value in nginx.trust.items():
        monkeypatch.setenv(name, value)


def test_the_page_and_its_files_come_over_https(nginx):
    page = requests.get(nginx.url, timeout=30)
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")
    files = re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css))"', page.text)
    assert files
    for path in files:
        assert requests.get(nginx.url + path, timeout=30).status_code == 200


def test_a_reply_streams_over_wss(nginx):
    token = begin(nginx.url)
    socket = Events(nginx.ws, token)
    reply = socket.until_answered(socket.say("hello"))
    assert reply["msg"] == "echo: hello"
    assert [message["msg"] for message in history(nginx.url, token)][-1] == "Bot: echo: hello"


def test_a_page_of_this_address_is_welcome_and_a_foreign_one_is_not(nginx):
    url = f"{nginx.ws}?token={begin(nginx.url)}"
    websocket.create_connection(url, timeout=30, origin=nginx.url).close()
    for origin in ("https://localhost", "https://elsewhere.example.com"):
        with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
            websocket.create_connection(url, timeout=30, origin=origin)


def test_a_plain_request_is_sent_to_https(nginx):
    url = f"http://127.0.0.1:{nginx.http_port}/chat/1?a=b"
    answer = requests.get(url, allow_redirects=False, headers={"Host": "localhost"}, timeout=30)
    assert answer.status_code == 301
    assert answer.headers["Location"] == "https://localhost/chat/1?a=b"


def test_metrics_are_not_for_the_internet(nginx):
    assert requests.get(f"{nginx.url}/metrics", timeout=30).status_code == 404


def test_no_log_has_a_token_whether_the_web_processes_answer_or_not(
    nginx, system, tmp_path, monkeypatch
):
    token = begin(nginx.url)
    socket = websocket.create_connection(f"{nginx.ws}?token={token}", timeout=30)
    socket.send("hello")
    assert json.loads(socket.recv())["msg"]
    socket.close()
    requests.get(f"{nginx.url}/refresh_token?token={token}", timeout=30)
    with DeployedNginx(tmp_path / "alone", [free_port()]) as alone:
        trust(alone, monkeypatch)
        answer = requests.get(f"{alone.url}/refresh_token?token={token}", timeout=30)
        assert answer.status_code == 502
    assert '"GET /refresh_token" 200' in nginx.logs()
    assert '"GET /refresh_token" 502' in alone.logs()
    assert token not in nginx.logs() + alone.logs()


def test_while_a_web_process_is_away_the_other_one_answers_everything(
    system, tmp_path, monkeypatch
):
    with DeployedNginx(tmp_path / "nginx", [free_port(), system.web.port]) as nginx:
        trust(nginx, monkeypatch)
        assert all(begin(nginx.url) for _ in range(12))


def test_its_limits_fit_those_of_the_server():
    text = CONFIGURATION.read_text()
    [timeout] = re.findall(r"proxy_read_timeout (\d+)s;", text)
    assert int(timeout) > Times().ping_interval
    [body] = re.findall(r"client_max_body_size (\d+)k;", text)
    assert int(body) * 1024 >= MAX_BODY_BYTES
