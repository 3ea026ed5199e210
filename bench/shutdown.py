"""How long processes take to exit after SIGTERM, with open WebSockets and running replies.

    python -m bench.shutdown [SOCKETS [REPLIES]]

First a worker gets SIGTERM, then the web process that has all WebSockets. Prints how long each took
to exit (a dyno is killed after 30 s), how many WebSockets were closed with 1012, and how many
replies were completed by the other worker and received from the other web process.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import websocket

from tests import directives
from tests.clients import Events, begin
from tests.processes import Process
from tests.system import System

REPLY = directives.words(600, delay=0.05)  # streams for 30 s


def main(sockets: int = 1000, replies: int = 20) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        everyone = [Events(system.web.ws, begin(system.web.url)) for _ in range(sockets)]
        talking = everyone[:replies]
        asked = [socket.say(REPLY) for socket in talking]
        for socket in talking:
            socket.until_type("delta")
        print(f"{sockets} sockets, {replies} replies running")
        print(f"a worker exited after {_seconds_to_exit(system.workers[0]):.1f} s")
        print(f"a web process exited after {_seconds_to_exit(system.web):.1f} s")
        codes = [_close_code(socket) for socket in everyone]
        print(f"closed with 1012: {codes.count(1012)} of {sockets}")
        whole = 0
        for socket, message_id in zip(talking, asked, strict=True):
            socket.reconnect(system.webs[1].ws)
            reply = socket.reply_to(message_id)
            if reply is None or reply["status"] == "streaming":
                socket.until_answered(message_id)
            reply = socket.reply_to(message_id)
            whole += reply is not None and reply["msg"] == directives.whole_reply(REPLY)
        print(f"complete replies: {whole} of {replies}")


def _seconds_to_exit(process: Process) -> float:
    asked = time.monotonic()
    process.signal(signal.SIGTERM)
    process.wait()
    return time.monotonic() - asked


def _close_code(socket: Events) -> int | None:
    with suppress(websocket.WebSocketException, OSError):
        socket.until_type("nothing more")
    return socket.closed_with


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
