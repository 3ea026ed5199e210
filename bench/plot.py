"""Draws each result as SVG, beside its JSON.

.venv-bench/bin/python -m bench.plot [FOLDER]
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import LogFormatter

from bench.report import TITLES
from bench.result import RESULTS, Result, saved

FIGURES = {
    "latency": ("p50_ms", "p99_ms", "replies_per_s"),
    "streams": (
        "first_p50_ms",
        "first_p99_ms",
        "gap_p99_ms",
        "pace_p1_per_s",
        "web_us_per_token",
        "worker_us_per_token",
        "redis_us_per_token",
        "redis_commands_per_token",
        "redis_us_per_delta",
    ),
    "websockets": ("kb_per_socket", "connects_per_s"),
    "growth": ("p50_ms", "over_10_messages"),
}
COLUMNS = 3
LOGARITHMIC = 20  # a logarithmic axis if the values differ by more than this factor


def draw(result: Result, path: Path) -> None:
    """Draw a panel per figure and a line per system: the medians and the range of the rounds."""
    names = [name for name in FIGURES[result.bench] if name in result.names]
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    size = (4.2 * columns, 3.0 * rows + 0.6)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    places = range(len(result.loads))
    labels = [f"{load:,}" if isinstance(load, int) else load for load in result.loads]
    for axis, name in zip(axes.flat, names, strict=False):
        top, bottom = 0.0, math.inf
        for system in result.systems:
            points = [
                (place, result.rounds(system, load, name))
                for place, load in zip(places, result.loads, strict=True)
                if result.rounds(system, load, name)
            ]
            if not points:
                continue
            x = [place for place, _ in points]
            medians = [result.median(system, result.loads[place], name) or 0.0 for place in x]
            lows = [median - min(v) for median, (_, v) in zip(medians, points, strict=True)]
            highs = [max(v) - median for median, (_, v) in zip(medians, points, strict=True)]
            width = 2.4 if system == "ours" else 1.2
            axis.errorbar(
                x, medians, [lows, highs], marker="o", capsize=2, linewidth=width, label=system
            )
            top, bottom = max(top, *medians), min(bottom, *medians)
        if bottom > 0 and top / bottom > LOGARITHMIC:
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter(LogFormatter())
            axis.yaxis.set_minor_formatter(LogFormatter())
        else:
            axis.set_ylim(bottom=0)
        axis.set_title(TITLES[name], fontsize=10)
        axis.set_xticks(list(places), labels, fontsize=8, rotation=20 if len(labels) > 4 else 0)
        axis.set_xlabel(result.axis, fontsize=8)
        axis.grid(alpha=0.3)
    if len(result.systems) > 1:
        handles, system_names = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, system_names, loc="outside lower center", ncols=3, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main(folder: Path = RESULTS) -> None:
    """Draw all results of a folder."""
    # The same figures give the same file.
    mpl.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none"})
    for result in saved(folder):
        draw(result, folder / f"{result.bench}.svg")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
