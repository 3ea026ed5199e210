"""A small application for test_websocket. Each route uses a WebSocket in another way."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from pathlib import Path

from flask import Blueprint, Flask

from web.error_responses import answer_in_json
from web.transport.flask_extension import WebSocketRoutes
from web.transport.websocket import Times, WebSocket

QUICK = 0.5  # seconds


def choose(offered: list[str]) -> str | None:
    """Prefer one subprotocol, else take a bearer's."""
    if "chat.events.v1" in offered:
        return "chat.events.v1"
    return next((name for name in offered if name.startswith("bearer.")), None)


def create_app() -> Flask:
    sys.setswitchinterval(1e-5)  # seconds; makes races between threads likely
    app = Flask(__name__)
    answer_in_json(app)
    routes = Blueprint("websockets", __name__)
    patient = WebSocketRoutes()
    quick = WebSocketRoutes(
        Times(ping_interval=QUICK, pong_timeout=QUICK, send_timeout=QUICK / 2, close_timeout=QUICK)
    )
    lasting = WebSocketRoutes(Times(close_timeout=600.0))
    watchers: set[WebSocket] = set()
    all_websockets: set[WebSocket] = set()
    may_read = threading.Event()

    def on(websocket_routes: WebSocketRoutes, path: str):
        """Register a handler, and send the watchers how each call of it ended."""

        def decorator(handler):
            def watched_handler(websocket: WebSocket) -> None:
                all_websockets.add(websocket)
                try:
                    handler(websocket)
                finally:
                    all_websockets.discard(websocket)
                    for watcher in list(watchers):
                        watcher.send(f"{path} {int(websocket.close_reason)}")

            def route():
                return watched_handler

            route.__name__ = path.strip("/").replace("/", "_")
            websocket_routes.route(path, routes, choose_subprotocol=choose)(route)
            return handler

        return decorator

    @routes.get("/test")
    def test():
        return {"msg": "up"}

    @routes.get("/memory")
    def memory():
        """Return this process's memory in KB, and its threads as the system counts them."""
        status = Path(f"/proc/{os.getpid()}/status").read_text()
        values = dict(line.split(":", 1) for line in status.splitlines())
        return {"kb": int(values["VmRSS"].split()[0]), "threads": int(values["Threads"])}

    @routes.get("/requests")
    def requests():
        """Return how many requests and handshakes this process holds, with that of this call."""
        gc.collect()
        held = [type(each).__name__ for each in gc.get_objects()]
        return {name: held.count(name) for name in ("Request", "RequestReader", "Handshake")}

    @on(patient, "/ends")
    def ends(websocket: WebSocket) -> None:
        watchers.add(websocket)
        websocket.send("watching")
        try:
            websocket.receive()
        finally:
            watchers.discard(websocket)

    @on(patient, "/echo")
    @on(quick, "/quick/echo")
    def echo(websocket: WebSocket) -> None:
        while True:
            message = websocket.receive()
            websocket.send(message if isinstance(message, str) else f"bytes {message.hex()}")

    @on(patient, "/subprotocol")
    def subprotocol(websocket: WebSocket) -> None:
        websocket.send(str(websocket.subprotocol))

    @on(patient, "/many")
    def many(websocket: WebSocket) -> None:
        """Send from several threads at once. Each numbers its frames."""
        senders, each, size = map(int, str(websocket.receive()).split())

        def count(sender: int) -> None:
            for number in range(each):
                websocket.send(f"{sender} {number} {'x' * size}")
                if number % 10 == 0:
                    time.sleep(0.02)  # the client must keep up: it may leave 1 MiB unread

        threads = [threading.Thread(target=count, args=(sender,)) for sender in range(senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        websocket.close(4000, "all sent")

    @on(patient, "/flood")
    @on(quick, "/quick/flood")
    def flood(websocket: WebSocket) -> None:
        """Send numbered frames of a given size, then read."""
        count, size = map(int, str(websocket.receive()).split())
        for number in range(count):
            websocket.send(f"{number} {'x' * size}")
        websocket.receive()

    @on(patient, "/closed-by-another")
    @on(quick, "/quick/closed-by-another")
    @on(lasting, "/lasting/closed-by-another")
    def closed_by_another(websocket: WebSocket) -> None:
        """Read while another thread sends and closes."""
        size = int(websocket.receive())

        def close() -> None:
            websocket.send("x" * size)
            websocket.close(1012, "come back")
            websocket.send("too late")

        threading.Thread(target=close).start()
        websocket.receive()

    @on(patient, "/all-closed")
    def all_closed(websocket: WebSocket) -> None:
        """Close all other WebSockets except the watchers, and send how many there were."""
        websocket.receive()
        others = [other for other in list(all_websockets - watchers) if other is not websocket]
        for other in others:
            other.close(1012)
        websocket.send(str(len(others)))

    @on(patient, "/fails")
    def fails(websocket: WebSocket) -> None:
        websocket.send("before")
        websocket.receive()
        raise RuntimeError("as it was asked to")

    @on(patient, "/reads-late")
    def reads_late(websocket: WebSocket) -> None:
        """Read nothing until another WebSocket asks for it, then send the number of messages."""
        may_read.wait()
        count = 0
        while websocket.receive() != "that is all":
            count += 1
        websocket.send(str(count))

    @on(patient, "/start-reading")
    def start_reading(websocket: WebSocket) -> None:
        may_read.set()

    @on(quick, "/quick/busy")
    def busy(websocket: WebSocket) -> None:
        """Leave what the client sends unread for longer than the pong timeout."""
        websocket.receive()
        time.sleep(4 * QUICK)
        websocket.send("done")
        websocket.send(f"then {websocket.receive()}")

    app.register_blueprint(routes)
    return app
