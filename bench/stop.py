"""How soon a stop is felt: by the person, and by the model.

    python -m bench.stop [TIMES]

Stops replies while the model is still silent, and in mid-stream, and prints the milliseconds from
the stop to the reply's end at the socket, and to the end of the model's connection.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests import directives
from tests.clients import Events, begin
from tests.system import System


def main(times: int = 20) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        socket = Events(system.web.ws, begin(system.web.url))
        for name, token in (("silent", 0), ("in mid-stream", 5)):
            told, closed = [], []
            for _ in range(times):
                with directives.held(system, at=token) as hold:
                    message_id = socket.say(hold.ask)
                    hold.wait()
                    begun = time.perf_counter()
                    socket.send(type="stop")
                    assert socket.until_answered(message_id)["status"] == "stopped"
                    told.append(time.perf_counter() - begun)
                    hold.wait_closed()
                    closed.append(time.perf_counter() - begun)
            print(f"{name}: told after {_ms(told)}, the connection closed after {_ms(closed)}")


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f} ms ({1000 * max(seconds):.0f} at most)"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
