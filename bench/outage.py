"""How soon messages are answered after an outage of Redis.

    python -m bench.outage [SECONDS ...]

For each outage, clients are connected to two web processes and a reply streams when Redis is
killed. Prints the time from the return of Redis until that reply is complete and until a new
message of each client is answered, when a message got `busy` meanwhile, and whether any process was
restarted.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import websocket

from tests import directives
from tests.clients import PATIENCE, Events, begin
from tests.system import System


def main(*outages: float) -> None:
    """Measure and print."""
    folder = tempfile.TemporaryDirectory()
    with folder, System(Path(folder.name), appendfsync="always") as system:
        pids = [process.pid for process in system.processes]
        for seconds in outages or (2.0, 60.0):
            _measure(system, seconds)
        same = all(process.running for process in system.processes)
        print(f"all processes are the same: {same and pids == [p.pid for p in system.processes]}")


def _measure(system: System, seconds: float) -> None:
    sockets = [Events(web.ws, begin(web.url)) for web in system.webs]
    with directives.held(system, at=3) as hold:
        reply = sockets[0].say(hold.ask)
        hold.wait()
        system.redis.kill()
        away = time.monotonic()
        hold.release()
        refused = sockets[1].say("hello")
        busy = sockets[1].until_type("error")
        refused_after = time.monotonic() - away
        while time.monotonic() - away < seconds:
            for socket in sockets:
                _answer_pings(socket)
    system.redis.start()
    back = time.monotonic()
    sockets[0].until(lambda _: (sockets[0].reply_to(reply) or {}).get("status") == "done")
    whole = time.monotonic() - back
    assert sockets[0].reply_to(reply)["msg"] == hold.text
    for socket, message_id in ((sockets[0], None), (sockets[1], refused)):
        message_id = _send_until_acknowledged(socket, message_id)
        assert socket.until_answered(message_id)["msg"] == "echo: hello"
    answered = time.monotonic() - back
    print(
        f"away for {seconds:.0f} s: a message got {busy['code']} after {refused_after:.1f} s; then"
        f" the reply was complete in {whole:.1f} s, new messages answered in {answered:.1f} s"
    )


def _answer_pings(socket: Events) -> None:
    """Read for a while, so that the library answers the server's pings."""
    socket.socket.settimeout(0.5)
    with suppress(websocket.WebSocketTimeoutException):
        socket.frame()
    socket.socket.settimeout(PATIENCE)


def _send_until_acknowledged(socket: Events, message_id: str | None) -> str:
    """Send a message until it is acknowledged; return its id."""
    while True:
        message_id = socket.say("hello", message_id)
        if socket.until(lambda f: f["type"] in ("ack", "error"))["type"] == "ack":
            return message_id


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
