"""A small application on our own `Sock`, for test_link: every route one way to use a link."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from flask import Blueprint, Flask

from web.error_responses import answer_in_json
from web.transport.flask_extension import Sock
from web.transport.websocket import Link, Times

QUICK = 0.5  # seconds


def choose(offered: list[str]) -> str | None:
    """Prefer one subprotocol, else take a bearer's."""
    if "chat.events.v1" in offered:
        return "chat.events.v1"
    return next((name for name in offered if name.startswith("bearer.")), None)


def create_app() -> Flask:
    sys.setswitchinterval(1e-5)  # seconds; threads that could meet in one place do
    app = Flask(__name__)
    answer_in_json(app)
    routes = Blueprint("links", __name__)
    patient = Sock()
    quick = Sock(
        Times(ping_every=QUICK, pong_within=QUICK, send_within=QUICK / 2, close_within=QUICK)
    )
    lasting = Sock(Times(close_within=600.0))
    watchers: set[Link] = set()
    all_links: set[Link] = set()
    heard = threading.Event()

    def on(sock: Sock, path: str):
        """Route; tell who watches how each handler ended."""

        def decorator(handler):
            def told(link: Link) -> None:
                all_links.add(link)
                try:
                    handler(link)
                finally:
                    all_links.discard(link)
                    for watcher in list(watchers):
                        watcher.send(f"{path} {int(link.close_reason)}")

            told.__name__ = path.strip("/").replace("/", "_")
            sock.route(path, routes, choose_subprotocol=choose)(told)
            return handler

        return decorator

    @routes.get("/test")
    def test():
        return {"msg": "up"}

    @routes.get("/memory")
    def memory():
        """Kilobytes, and threads as the system counts them."""
        status = Path(f"/proc/{os.getpid()}/status").read_text()
        values = dict(line.split(":", 1) for line in status.splitlines())
        return {"kb": int(values["VmRSS"].split()[0]), "threads": int(values["Threads"])}

    @on(patient, "/ends")
    def ends(link: Link) -> None:
        watchers.add(link)
        link.send("watching")
        try:
            link.receive()
        finally:
            watchers.discard(link)

    @on(patient, "/echo")
    @on(quick, "/quick/echo")
    def echo(link: Link) -> None:
        while True:
            said = link.receive()
            link.send(said if isinstance(said, str) else f"bytes {said.hex()}")

    @on(patient, "/subprotocol")
    def subprotocol(link: Link) -> None:
        link.send(str(link.subprotocol))

    @on(patient, "/many")
    def many(link: Link) -> None:
        """Send from several threads at once; each numbers what it sends."""
        senders, each, size = map(int, str(link.receive()).split())

        def count(sender: int) -> None:
            for number in range(each):
                link.send(f"{sender} {number} {'x' * size}")
                if number % 10 == 0:
                    time.sleep(0.02)  # the client must keep up: it may leave 1 MiB unread

        threads = [threading.Thread(target=count, args=(sender,)) for sender in range(senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        link.close(4000, "all sent")

    @on(patient, "/flood")
    @on(quick, "/quick/flood")
    def flood(link: Link) -> None:
        """Send frames of a size, numbered; then read."""
        count, size = map(int, str(link.receive()).split())
        for number in range(count):
            link.send(f"{number} {'x' * size}")
        link.receive()

    @on(patient, "/closed-by-another")
    @on(quick, "/quick/closed-by-another")
    @on(lasting, "/lasting/closed-by-another")
    def closed_by_another(link: Link) -> None:
        """Read, while another thread says some more and closes."""
        size = int(link.receive())

        def close() -> None:
            link.send("x" * size)
            link.close(1012, "come back")
            link.send("too late")

        threading.Thread(target=close).start()
        link.receive()

    @on(patient, "/all-closed")
    def all_closed(link: Link) -> None:
        """Close every other socket but those that watch; say how many there were."""
        link.receive()
        others = [other for other in list(all_links - watchers) if other is not link]
        for other in others:
            other.close(1012)
        link.send(str(len(others)))

    @on(patient, "/fails")
    def fails(link: Link) -> None:
        link.send("before")
        link.receive()
        raise RuntimeError("as it was asked to")

    @on(patient, "/deaf")
    def deaf(link: Link) -> None:
        """Read nothing until somebody asks another socket for it; then say how much there is."""
        heard.wait()
        said = 0
        while link.receive() != "that is all":
            said += 1
        link.send(str(said))

    @on(patient, "/hear")
    def hear(link: Link) -> None:
        heard.set()

    @on(quick, "/quick/busy")
    def busy(link: Link) -> None:
        """Leave what the client sends unread for longer than it has to answer a ping."""
        link.receive()
        time.sleep(4 * QUICK)
        link.send("done")
        link.send(f"then {link.receive()}")

    app.register_blueprint(routes)
    return app
