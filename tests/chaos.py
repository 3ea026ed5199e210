"""Kills web, worker and Redis processes at random while simulated users chat.

`python -m tests.chaos --seconds 60 --seed 1` runs on this machine with processes of its own. Each
user compares the received replies with the sent messages and with the history. It prints kills,
replies, lost, duplicated, out-of-order and torn ones, and the slowest reply; exit code 1 if a
promise was broken.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.simulated_users import EventsUser, Outcome, PlainUser
from tests.system import System


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--users", type=int, default=24)
    args = parser.parse_args()
    print(f"chaos for {args.seconds:.0f} s, seed {args.seed}")
    outcome = chaos(args.seconds, args.seed, args.users)
    print(outcome)
    for line in outcome.broken()[:20]:
        print(" ", line)
    sys.exit(bool(outcome.broken()))


def chaos(seconds: float, seed: int, users: int) -> Outcome:
    """Run simulated users for ``seconds`` while processes are killed."""
    outcome = Outcome()
    rng = random.Random(seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        System(Path(folder), appendfsync="always", SESSION_TTL="0") as system,
    ):
        until = time.monotonic() + seconds
        kinds = [EventsUser if number % 3 else PlainUser for number in range(users)]
        all_users = [
            kind(number, system, outcome, until, seed) for number, kind in enumerate(kinds)
        ]
        for user in all_users:
            user.start()
        while time.monotonic() < until - 4:
            time.sleep(rng.uniform(3.0, 5.0))
            kill_one_process(system, rng, outcome)
        for user in all_users:
            user.join(60.0)
            if user.is_alive():
                outcome.lost.append(f"user {user.number} has not ended")
    return outcome


def kill_one_process(system: System, rng: random.Random, outcome: Outcome) -> None:
    """Kill a random process and start it again, like a supervisor."""
    victims = [*[("web", web) for web in system.webs], *[("worker", w) for w in system.workers]]
    kind, victim = rng.choice([*victims, ("redis", None)])
    outcome.kills.append(kind)
    if victim is None:
        system.redis.kill()
        time.sleep(rng.uniform(0.0, 2.0))
        system.redis.start()
    else:
        victim.kill()
        victim.start()


if __name__ == "__main__":
    main()
