"""All measurements, one after the other, then the tables and the plots: `make bench`.

python -m bench [--quick]
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.processes import PYTHON
from bench.result import QUICK, RESULTS

ROOT = Path(__file__).parent.parent
BENCHES = ("latency", "streams", "websockets", "growth")
MAX_BENCH_TIME = 900.0  # seconds for one of them, three times the time on an idle machine
MAX_TIME = 1740.0  # seconds for all
CLEAN_UP_TIMEOUT = 60.0  # seconds


def main() -> None:
    """Measure all; the exit code is that of the first that failed, after all have run."""
    quick = sys.argv[1:] == ["--quick"]
    codes = []
    until = time.monotonic() + MAX_TIME
    for name in BENCHES:
        print(f"\n{name}\n", flush=True)
        command = [sys.executable, "-m", f"bench.{name}", *sys.argv[1:]]
        codes.append(_run(command, max(0.0, until - time.monotonic())))
    folder = QUICK if quick else RESULTS
    subprocess.run([PYTHON, "-m", "bench.plot", str(folder)], cwd=ROOT, check=True)
    if not quick:
        subprocess.run([sys.executable, "-m", "bench.report"], cwd=ROOT, check=True)
    sys.exit(next((code for code in codes if code), 0))


def _run(command: list[str], time_left: float) -> int:
    """Run a measurement; return its exit code. It stops its own processes in any case."""
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        return process.wait(min(MAX_BENCH_TIME, time_left))
    except subprocess.TimeoutExpired:
        process.terminate()
        return process.wait(CLEAN_UP_TIMEOUT)
    except KeyboardInterrupt:  # the terminal has sent it to the process too
        process.wait(CLEAN_UP_TIMEOUT)
        raise


if __name__ == "__main__":
    main()
