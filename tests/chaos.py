"""Kills web, worker and Redis processes at random while simulated users chat.

`python -m tests.chaos --seconds 60 --seed 1` runs on this machine with processes of its own. Each
user compares the received replies with the sent messages and with the history. A third of them also
continue, retry, edit and stop their last reply, while another client watches. It prints kills,
replies, changes, what was lost, duplicated, out of order or torn, and the slowest reply; exit code
1 if a promise was broken. With `--model-outages` there are two models, and the first one is down
every other ten seconds; `--fallback-path /v1/chat/completions` makes the second one a chat model.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.changing_user import ChangingUser
from tests.simulated_users import EventsUser, Outcome, PlainUser
from tests.system import System

OUTAGE = 10.0  # seconds
KINDS = (PlainUser, EventsUser, ChangingUser)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--users", type=int, default=24)
    parser.add_argument("--model-outages", action="store_true")
    parser.add_argument("--fallback-path", default="/v1/completions")
    args = parser.parse_args()
    print(f"chaos for {args.seconds:.0f} s, seed {args.seed}")
    fallback_path = args.fallback_path if args.model_outages else None
    outcome = chaos(args.seconds, args.seed, args.users, fallback_path)
    print(outcome)
    for line in outcome.broken()[:20]:
        print(" ", line)
    sys.exit(bool(outcome.broken()))


def chaos(seconds: float, seed: int, users: int, fallback_path: str | None = None) -> Outcome:
    """Run simulated users for ``seconds`` while processes are killed.

    With ``fallback_path``, a second model is there, and the first one goes down and up.
    """
    outcome = Outcome()
    rng = random.Random(seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        System(
            Path(folder), appendfsync="always", SESSION_TTL="0", fallback_path=fallback_path
        ) as system,
        model_outages(system, outcome) if fallback_path else nullcontext(),
    ):
        until = time.monotonic() + seconds
        all_users = [
            KINDS[number % len(KINDS)](number, system, outcome, until, seed)
            for number in range(users)
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


@contextmanager
def model_outages(system: System, outcome: Outcome) -> Iterator[None]:
    """Kill the first model and start it again, every `OUTAGE` seconds, during the block."""
    ended = threading.Event()

    def alternate() -> None:
        while not ended.wait(OUTAGE):
            if system.standin.running:
                outcome.kills.append("model")
                system.standin.kill()
            else:
                system.standin.start()

    thread = threading.Thread(target=alternate)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


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
