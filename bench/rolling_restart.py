"""Replaces web and worker processes one after the other while simulated users chat.

    python -m bench.rolling_restart [SECONDS [USERS]]

Two web processes and two workers run behind nginx with `deploy/nginx/chat.conf`, over TLS. Each
process gets SIGTERM, ends, and is started again; the next one follows when it is ready. Every user
compares each reply with the sent message and with the history. Exit code 1 if a promise was broken.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace

from tests.deployed_nginx import DeployedNginx
from tests.processes import Web, Worker
from tests.simulated_users import EventsUser, Outcome, PlainUser
from tests.system import System

PAUSE = 1.0  # seconds between two processes
LAST_RESTART = 8.0  # seconds before the users end


def main(seconds: float = 60.0, users: int = 24) -> int:
    """Measure and print; return the exit code."""
    outcome = Outcome()
    took: dict[type, list[float]] = {Web: [], Worker: []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            System(folder, appendfsync="always", SESSION_TTL="0") as system,
            DeployedNginx(folder / "nginx", [web.port for web in system.webs]) as nginx,
        ):
            os.environ.update(nginx.trust)
            balancer = SimpleNamespace(webs=[nginx])  # all that a user sees of the system
            until = time.monotonic() + seconds
            everyone = [
                (EventsUser if number % 3 else PlainUser)(number, balancer, outcome, until, 0)
                for number in range(users)
            ]
            for user in everyone:
                user.start()
            for process in cycle(system.processes):
                time.sleep(PAUSE)
                if time.monotonic() > until - LAST_RESTART:
                    break
                took[type(process)].append(_seconds_to_replace(process))
            for user in everyone:
                user.join(60.0)
                if user.is_alive():
                    outcome.lost.append(f"user {user.number} has not ended")
    for kind, times in took.items():
        print(f"{kind.__name__}: {len(times)} replaced, the slowest in {max(times):.1f} s")
    print(
        f"{outcome.replies} replies: {len(outcome.lost)} lost, {len(outcome.duplicated)} twice,"
        f" {len(outcome.out_of_order)} out of order, {len(outcome.torn)} torn,"
        f" {len(outcome.failed)} users failed; the slowest took {outcome.slowest:.1f} s;"
        f" {outcome.reconnects} reconnects of {users} users"
    )
    for line in outcome.broken()[:20]:
        print(" ", line)
    return bool(outcome.broken())


def _seconds_to_replace(process: Web | Worker) -> float:
    began = time.monotonic()
    process.stop()
    process.start()
    process.ready()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:3])))
