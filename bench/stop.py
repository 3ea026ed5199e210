"""How soon a stop takes effect, for the client and for the model.

    python -m bench.stop [TIMES]

Stops replies before the first token and in mid-stream. Prints the milliseconds from the stop until
the client gets the end of the reply, and until the connection to the model is closed.
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
            ended, closed = [], []
            for _ in range(times):
                with directives.held(system, at=token) as hold:
                    message_id = socket.say(hold.ask)
                    hold.wait()
                    begun = time.perf_counter()
                    socket.send(type="stop")
                    assert socket.until_answered(message_id)["status"] == "stopped"
                    ended.append(time.perf_counter() - begun)
                    hold.wait_closed()
                    closed.append(time.perf_counter() - begun)
            print(
                f"{name}: the reply ended after {_ms(ended)}, connection closed after {_ms(closed)}"
            )


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f} ms ({1000 * max(seconds):.0f} at most)"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
