"""The page behind nginx. With a wrong configuration, the page and the log report the reason."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import expect_nothing_cut_off
from tests.deployed_nginx import DeployedNginx
from tests.nginx import Nginx
from tests.processes import free_port, wait_until

REFUSED = "The server answers, but refuses this page's connection."


def refusals(system) -> list[str]:
    events = [record["event"] for record in system.web.records()]
    return [event for event in events if "handshake was refused" in event]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"host": "proxy_set_header Host $host:$server_port;"},
        {"more": "proxy_set_header X-Forwarded-For $remote_addr;"},
        {"version": ""},  # nginx then uses HTTP/1.0, and still passes on the response
    ],
)
def test_the_page_works_behind_a_correctly_configured_proxy(visitor, system, tmp_path, changed):
    with Nginx(tmp_path, system.web.port, **changed) as nginx:
        tab = visitor().open(nginx.url).start_chat()
        tab.ask("hello")
        assert str(nginx.port) not in "".join(refusals(system))


def test_the_page_works_over_tls_with_the_nginx_file_of_the_deployment(visitor, system, tmp_path):
    ports = [web.port for web in system.webs]
    with DeployedNginx(tmp_path / "nginx", ports) as nginx:
        ada = visitor(ignore_https_errors=True)  # the certificate is the test's own
        tab = ada.open(nginx.url).start_chat()
        tab.ask("hello")
        assert any(url.startswith(nginx.ws) for url in ada.requests)


@pytest.mark.parametrize(
    ("changed", "cause", "remedy"),
    [
        (
            {"host": "proxy_set_header Host $host;"},
            "the page is of 'http://127.0.0.1:PORT', and the request's Host is '127.0.0.1', with"
            " another port",
            "proxy_set_header Host $http_host;",
        ),
        (
            {"host": ""},
            "the page is of 'http://127.0.0.1:PORT', and the request's Host is 'chat_web'",
            "proxy_set_header Host $http_host;",
        ),
        (
            {"upgrade": "", "connection": ""},
            'a proxy has removed its header "Upgrade: websocket"',
            "proxy_set_header Upgrade $http_upgrade;",
        ),
        ({"connection": ""}, "Connection is 'close'", "proxy_set_header Connection upgrade;"),
        (
            {"protocol": 'proxy_set_header Sec-WebSocket-Protocol "";'},
            "it has no token",
            "a proxy must forward both",
        ),
        (
            {"key": 'proxy_set_header Sec-WebSocket-Key "";'},
            "it has no Sec-WebSocket-Key",
            "A proxy must forward all Sec-WebSocket- headers",
        ),
    ],
)
def test_a_proxy_that_breaks_the_handshake_is_reported_in_the_page_and_the_log(
    visitor, system, tmp_path, changed, cause, remedy
):
    with Nginx(tmp_path, system.web.port, **changed) as nginx:
        tab = visitor(viewport={"width": 360, "height": 800}).open(nginx.url)
        tab.name.fill("Ada")
        tab.button("Start chat").click()
        expect(tab.status).to_contain_text(REFUSED)
        expect_nothing_cut_off(tab)
        cause = cause.replace("PORT", str(nginx.port))
        wait_until(lambda: any(cause in line for line in refusals(system)), within=10)
        lines = [line for line in refusals(system) if cause in line]
        assert len(lines) == 1
        assert remedy in lines[0]


def test_a_proxy_or_a_server_that_is_down_is_not_reported_as_a_refusal(visitor, system, tmp_path):
    with Nginx(tmp_path, system.web.port) as nginx:
        tab = visitor().open(nginx.url).start_chat()
    expect(tab.status).to_have_text("Offline")
    with Nginx(tmp_path, free_port(), port=nginx.port):
        expect(tab.status).to_have_text("Not available right now")
    with Nginx(tmp_path, system.web.port, port=nginx.port, host=""):
        expect(tab.status).to_contain_text(REFUSED)
    expect(tab.status).to_have_text("Offline")
    with Nginx(tmp_path, system.web.port, port=nginx.port):
        tab.expect_connected()
