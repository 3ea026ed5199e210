"""TLS to a model's server, directly and through a proxy: who is trusted, and what is loaded."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from chat.errors import ModelUnavailable
from chat.settings import load_settings
from tasks.models import model_for
from tasks.models.certificates import tls_context
from tests.tasks.models.conftest import PATHS, Reply
from tests.tasks.models.keep_alive_server import keep_alive_server
from tests.tasks.models.raw_server import http

ANSWER = http({"choices": [{"text": "Hi", "finish_reason": "stop"}]})


def serving(authority: trustme.CA, host: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The authority that `REQUESTS_CA_BUNDLE` names."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return authority


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[str]:
    """Run a model's server. Yields the URL of the model."""

    def answer(client: socket.socket, _: int) -> bool:
        client.sendall(ANSWER)
        return False

    with keep_alive_server(answer, context) as server:
        yield f"https://127.0.0.1:{server.port}{PATHS['completions']}"


@contextmanager
def proxy(tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[str]]]:
    """Run a proxy that knows CONNECT. Yields its address, and a list of where it has connected."""
    targets: list[str] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def serve(client: socket.socket) -> None:
        with suppress(OSError):
            client = tls.wrap_socket(client, server_side=True) if tls else client
            request = b""
            while b"\r\n\r\n" not in request:
                request += client.recv(65536) or b"\r\n\r\n"
            target = request.split()[1].decode()
            targets.append(target)
            host, _, port = target.rpartition(":")
            with client, socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                threading.Thread(target=pump, args=(server, client), daemon=True).start()
                pump(client, server)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", targets
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def ask(url: str) -> str:
    return Reply(model_for(load_settings({"MODEL_URL": url})), "hello").text


def test_the_bundle_of_the_environment_is_trusted(trusted):
    with tls_server(serving(trusted)) as url:
        assert ask(url) == "Hi"


def test_a_directory_of_certificates_is_one_too(trusted, tmp_path, monkeypatch):
    folder = tmp_path / "hashed"
    folder.mkdir()
    (tmp_path / "ca.pem").rename(folder / "ca.pem")
    subprocess.run(["openssl", "rehash", folder], check=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder))
    with tls_server(serving(trusted)) as url:
        assert ask(url) == "Hi"


@pytest.mark.parametrize("host", ["127.0.0.1", "other.example"])
def test_an_unknown_authority_and_another_hosts_certificate_are_refused(trusted, host):
    authority = trustme.CA() if host == "127.0.0.1" else trusted
    with (
        tls_server(serving(authority, host)) as url,
        pytest.raises(ModelUnavailable, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        ask(url)


def test_without_a_bundle_only_public_authorities_are_trusted(monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with (
        tls_server(serving(trustme.CA())) as url,
        pytest.raises(ModelUnavailable, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        ask(url)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_server_behind_a_proxy_is_verified_likewise(trusted, monkeypatch, scheme):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with proxy(serving(trusted) if scheme == "https" else None) as (address, targets):
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://{address}")
        with tls_server(serving(trusted)) as url:
            assert ask(url) == "Hi"
            assert targets == [url.split("/")[2]]
        with (
            tls_server(serving(trustme.CA())) as url,
            pytest.raises(ModelUnavailable, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            ask(url)


def test_a_proxy_with_a_certificate_of_an_unknown_authority_is_refused(trusted, monkeypatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with proxy(serving(trustme.CA())) as (address, targets), tls_server(serving(trusted)) as url:
        monkeypatch.setenv("HTTPS_PROXY", f"https://{address}")
        with pytest.raises(ModelUnavailable):
            ask(url)
        assert not targets


def test_all_connections_of_a_process_share_the_certificates(trusted, monkeypatch):
    loaded = []
    load = ssl.SSLContext.load_verify_locations
    monkeypatch.setattr(
        ssl.SSLContext,
        "load_verify_locations",
        lambda *args, **options: loaded.append(1) or load(*args, **options),
    )
    with tls_server(serving(trusted)) as url:
        for _ in range(3):
            assert ask(url) == "Hi"
    assert len(loaded) == 1


def test_a_bundle_that_was_replaced_is_loaded_again(trusted, tmp_path):
    path = tmp_path / "ca.pem"
    first = tls_context(str(path))
    assert tls_context(str(path)) is first
    renewed = trustme.CA()
    renewed.cert_pem.write_to_path(path)
    os.utime(path, ns=(1, 1))
    with tls_server(serving(renewed)) as url:
        assert ask(url) == "Hi"
    assert tls_context(str(path)) is not first
