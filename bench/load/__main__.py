"""A process that generates load. It reads jobs from its input, one JSON object per line.

    {"run": "streams", "clients": 50, "words": 100, "rate": 20}

``run`` is a method of `bench.load.runs.Load`, the rest are its arguments. Each is answered by a
line with its figures and `client_cpu`, the share of one core that this process used: near 1, the
load generator was too slow, not the system. The end of the input ends the process.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from typing import Any

from bench.load.runs import Load

MAX_JOB_TIME = 600.0  # seconds


async def work(port: int, dialect: str) -> None:
    """Run the jobs from the input."""
    load = Load(port, dialect)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        job: dict[str, Any] = json.loads(line)
        began, used = time.monotonic(), _cpu()
        figures = await asyncio.wait_for(getattr(load, job.pop("run"))(**job), MAX_JOB_TIME)
        figures["client_cpu"] = (_cpu() - used) / (time.monotonic() - began)
        print(json.dumps(figures), flush=True)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.set_threshold(100_000)
    try:
        from uvloop import run
    except ImportError:
        from asyncio import run
    run(work(int(sys.argv[1]), sys.argv[2]))
