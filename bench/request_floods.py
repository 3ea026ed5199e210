"""The response time for other clients while four clients send without end.

    python -m bench.request_floods [SECONDS [KIND…]]

For each kind of such a client in `tests/flood.py`, or for the given kinds, and for four different
ones at once, prints the response times of other requests, and how often the web process has
started.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import requests

from local.redis import EmbeddedRedis
from tests.flood import KINDS
from tests.processes import Process, Web

MIXED = ["one-byte chunks", "a body of a terabyte", "a body that trickles", "endless headers"]


def main(seconds: float = 5.0, *kinds: str) -> None:
    """Measure and print."""
    with (
        tempfile.TemporaryDirectory() as name,
        EmbeddedRedis(Path(name) / "redis", appendfsync=None) as redis,
    ):
        env = {"REDIS_URL": redis.url, "MODEL_URL": "http://127.0.0.1:9/v1/completions"}
        web = Web(env, Path(name) / "web.log")
        try:
            web.ready()
            _measure(web, [], seconds, Path(name))
            for four in [[kind] * 4 for kind in kinds or KINDS] + ([] if kinds else [MIXED]):
                _measure(web, four, seconds, Path(name))
        finally:
            web.stop()


def _measure(web: Web, kinds: list[str], seconds: float, folder: Path) -> None:
    log = folder / "flood.log"
    floods = [Process(["tests.flood", kind, str(web.port)], {}, log) for kind in kinds]
    try:
        time.sleep(1.0 if kinds else 0)
        took = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            begun = time.perf_counter()
            requests.post(f"{web.url}/token?name=Ada", timeout=60).raise_for_status()
            took.append(time.perf_counter() - begun)
            time.sleep(0.01)
    finally:
        for flood in floods:
            flood.kill()
    took.sort()
    p50, p99, most = (1000 * took[int(len(took) * part)] for part in (0.5, 0.99, 1 - 1e-9))
    boots = web.output().count("Booting worker")
    what = kinds[0] if len(set(kinds)) == 1 else ", ".join(kinds) or "nobody"
    print(
        f"beside {what}: {len(took)} requests, p50 {p50:.0f} ms, p99 {p99:.0f} ms,"
        f" at most {most:.0f} ms; web process number {boots}",
        flush=True,
    )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]), *sys.argv[2:])
