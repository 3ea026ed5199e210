"""Computes and formats figures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the value below which ``percent`` of ascending values are.

    Raises:
        ValueError: There are no values.
    """
    if not ordered:
        raise ValueError("no values")
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def median_ratio(ours: Sequence[float], peer: Sequence[float]) -> float | None:
    """Return the median of the ratios of each round, since a slow machine slows both systems.

    None if no round has a peer's value other than 0.
    """
    ratios = [one / other for one, other in zip(ours, peer, strict=True) if other]
    return statistics.median(ratios) if ratios else None


def rounded(value: float) -> float:
    """Return the value with three significant digits; measurements are not more exact."""
    return float(f"{value:.3g}")


def formatted(value: float) -> str:
    """Return a value as text for a table."""
    value = rounded(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:g}"
