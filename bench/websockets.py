"""What an idle WebSocket costs one gevent process, on our `Link` and on flask-sock's own server.

    python -m bench.websockets [SOCKETS]

Opens the sockets on loopback, one kind of server after the other, and prints for each: kilobytes
of the server's memory a socket; how long one small frame to every socket takes to be sent, and to
have come; and how long closing them all takes. Absolute figures are the machine's; the ratio is
what to look at.
"""

from __future__ import annotations

import base64
import os
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from flask import Blueprint, Flask
from flask_sock import Sock as OthersSock
from simple_websocket import ConnectionClosed

from web.transport.flask_extension import Sock

ROOT = Path(__file__).parent.parent
FRAME = '{"type": "delta", "id": "3f2b1c9e-8f5e-4d39-9f0e-0c6c1d1f6a01", "n": 7, "text": " word"}'
BATCH = 100  # handshakes under way at once; the backlog is bounded


def create_app(kind: str) -> Flask:
    """Return an application that keeps its sockets, and sends to all when asked to."""
    app = Flask(__name__)
    kept: set[Any] = set()

    def keep(link: Any) -> None:
        kept.add(link)
        try:
            while True:
                link.receive()
        finally:
            kept.discard(link)

    if kind == "ours":
        routes = Blueprint("routes", __name__)
        Sock().route("/keep", routes, choose_subprotocol=lambda _: None)(keep)
        app.register_blueprint(routes)
    else:
        app.config["SOCK_SERVER_OPTIONS"] = {"ping_interval": 25}
        OthersSock(app).route("/keep")(keep)

    @app.get("/state")
    def state() -> dict[str, Any]:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return {
            "sockets": len(kept),
            "kb": pages * resource.getpagesize() // 1024,
            "threads": threading.active_count(),
        }

    @app.post("/publish")
    def publish() -> dict[str, float]:
        begun = time.perf_counter()
        for link in list(kept):
            link.send(FRAME)
        return {"seconds": time.perf_counter() - begun}

    @app.post("/close")
    def close() -> dict[str, float]:
        begun = time.perf_counter()
        for link in list(kept):
            with suppress(ConnectionClosed):
                link.close(1012)
        return {"seconds": time.perf_counter() - begun}

    return app


def main(count: int) -> None:
    """Measure both kinds and print the figures."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    cost = {kind: _measure(kind, count) for kind in ("flask-sock", "ours")}
    print(f"ours is {cost['ours'] / cost['flask-sock']:.2f} of flask-sock's memory a socket")


def _measure(kind: str, count: int) -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = f"gunicorn -c /dev/null -k gevent --worker-connections {count + 100} --backlog 2048"
    command += f" --no-control-socket --graceful-timeout 1 -b 127.0.0.1:{port}"
    command += f" bench.websockets:create_app('{kind}')"
    server = subprocess.Popen(
        [sys.executable, "-m", *command.split(" ")], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        while not _is_up(url):
            time.sleep(0.05)
        for client in _open(port, BATCH):  # what the first ones cost, all use
            client.close()
        begun = _state(url, 0)
        started = time.perf_counter()
        clients = _open(port, count)
        opening = time.perf_counter() - started
        full = _state(url, count)
        each: float = (full["kb"] - begun["kb"]) / count
        came = threading.Thread(target=_read_from_all, args=(clients,))
        came.start()
        started = time.perf_counter()
        sent = requests.post(f"{url}/publish", timeout=60).json()["seconds"]
        came.join()
        arrived = time.perf_counter() - started
        after = _state(url, count)
        closed = requests.post(f"{url}/close", timeout=60).json()["seconds"]
        print(
            f"{kind}: {each:.1f} KB a socket, {(after['kb'] - begun['kb']) / count:.1f} after a"
            f" frame to each; {count / opening:.0f} opened a second; to all {count}: sent in"
            f" {sent * 1000:.0f} ms, there in {arrived * 1000:.0f} ms; closed in"
            f" {closed * 1000:.0f} ms"
        )
        return each
    finally:
        server.terminate()
        server.wait()


def _state(url: str, sockets: int) -> dict[str, Any]:
    """Wait until the server has so many sockets; return its state."""
    while True:
        state: dict[str, Any] = requests.get(f"{url}/state", timeout=60).json()
        if state["sockets"] == sockets:
            return state
        time.sleep(0.05)


def _is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/state", timeout=5).ok
    except requests.ConnectionError:
        return False


def _open(port: int, count: int) -> list[socket.socket]:
    clients: list[socket.socket] = []
    while len(clients) < count:
        batch = []
        for _ in range(min(BATCH, count - len(clients))):
            client = socket.create_connection(("127.0.0.1", port))
            key = base64.b64encode(os.urandom(16)).decode()
            client.sendall(
                f"GET /keep HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
            )
            batch.append(client)
        for client in batch:
            assert b" 101 " in client.recv(4096)
        clients += batch
    return clients


def _read_from_all(clients: list[socket.socket]) -> None:
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ)
        left = len(clients)
        while left:
            for key, _ in selector.select():
                selector.unregister(key.fileobj)
                left -= 1


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
