"""Redis behind TLS: redis-py and Celery verify its certificate."""

from __future__ import annotations

import ssl

import pytest
import requests
import trustme

from tests.clients import Events, begin
from tests.processes import Worker, wait_until
from tests.system import System
from tests.tls_proxy import tls_proxy


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def certificate_for(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_the_whole_path_works_over_tls(authority, tmp_path):
    system = System(tmp_path, webs=1, workers=1)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with tls_proxy(system.redis.port, certificate_for(authority)) as port:
        system.env["REDIS_URL"] = f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path}/ca.pem"
        with system:
            socket = Events(system.web.ws, begin(system.web.url))
            assert socket.until_answered(socket.say("hello"))["msg"] == "echo: hello"


def test_a_server_with_any_certificate_is_not_trusted(authority, tmp_path):
    system = System(tmp_path, webs=1, workers=0)
    with tls_proxy(system.redis.port, certificate_for(authority)) as port:
        system.env["REDIS_URL"] = f"rediss://localhost:{port}/0"
        with system:
            answer = requests.post(f"{system.web.url}/token?name=Ada", timeout=30)
            assert answer.status_code == 503
            worker = Worker(system.env, tmp_path / "worker.log")
            try:
                wait_until(lambda: "certificate verify failed" in worker.output())
            finally:
                worker.kill()
            assert "Connected to" not in worker.output()


def test_a_self_signed_certificate_of_an_add_on_is_accepted_if_that_was_asked_for(
    authority, tmp_path
):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("elsewhere.example.com").configure_cert(context)  # another name, too
    system = System(tmp_path, webs=1, workers=1)
    with tls_proxy(system.redis.port, context) as port:
        system.env["REDIS_TLS_URL"] = f"rediss://localhost:{port}/0"
        system.env["REDIS_URL"] = "redis://127.0.0.1:1/0"  # the add-on's, which refuses connections
        system.env["REDIS_SSL_CERT_REQS"] = "none"
        with system:
            socket = Events(system.web.ws, begin(system.web.url))
            assert socket.until_answered(socket.say("hello"))["msg"] == "echo: hello"
