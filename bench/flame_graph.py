"""Where a process spends its time while replies stream, by py-spy.

    python -m bench.flame_graph worker [--streams 150] [--gil] [--svg FILE]
    python -m bench.flame_graph web

Prints the functions that were on the stack in most samples, or draws a flame graph. With `--gil`
only samples in which a thread had the GIL count, else those in which a thread was on a CPU.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

from bench.processes import PYTHON
from bench.result import stop_on_signals
from bench.systems import Ours, running

RATE = 20  # tokens a second and stream
SECONDS = 8  # that are sampled, once all streams have begun
LINES = 40


def main() -> None:
    """Stream, sample, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("process", choices=["web", "worker"])
    parser.add_argument("--streams", type=int, default=150)
    parser.add_argument("--gil", action="store_true")
    parser.add_argument("--svg", type=Path)
    args = parser.parse_args()
    stop_on_signals()
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = Path(name)
        out = args.svg or folder / "stacks"
        with running([Ours], folder, worker_concurrency=args.streams) as [system]:
            words = (SECONDS + 6) * RATE
            job = {"clients": args.streams, "words": words, "rate": RATE}
            with system.load() as load:
                load.run("hold", clients=args.streams)
                streaming = threading.Thread(target=load.run, args=("streams",), kwargs=job)
                streaming.start()
                streaming.join(3)  # the burst at the beginning
                _record(system.processes[args.process].pid, out, args.gil, bool(args.svg))
                streaming.join()
        if not args.svg:
            sys.stdout.write(summary(out.read_text()))


def _record(pid: int, out: Path, gil: bool, svg: bool) -> None:
    command = [PYTHON.parent / "py-spy", "record", "--pid", str(pid), "--subprocesses"]
    command += ["--duration", str(SECONDS), "--rate", "200", "--nonblocking"]
    command += ["--format", "flamegraph" if svg else "raw", "--output", str(out)]
    command += ["--gil"] if gil else []
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def summary(stacks: str) -> str:
    """Return a line a function: its share of all samples with its callees, and alone.

    ``stacks`` is py-spy's raw format: `outermost;…;innermost COUNT` a line.
    """
    within: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        # `function (file:line)`: the line is left out, so that a function is counted once. The
        # outermost may be the process itself.
        frames = [part for part in stack.split(";") if not part.startswith("process ")]
        functions = [part.rpartition(":")[0] + ")" for part in frames if ":" in part]
        within.update(dict.fromkeys(functions, int(count)))
        if functions:
            alone[functions[-1]] += int(count)
    total = alone.total() or 1
    rows = [
        f"{100 * count / total:5.1f} % {100 * alone[name] / total:5.1f} %  {name}"
        for name, count in within.most_common(LINES)
    ]
    return "\n".join([" within   alone  function", *rows, f"{total} samples", ""])


if __name__ == "__main__":
    main()
