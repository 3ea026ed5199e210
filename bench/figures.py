"""How figures are made of many measurements."""

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
    """Return the median of the ratios round by round: a machine that slows down slows both.

    None: there is nothing to divide by.
    """
    ratios = [one / other for one, other in zip(ours, peer, strict=True) if other]
    return statistics.median(ratios) if ratios else None


def rounded(value: float) -> float:
    """Return three significant digits; more would claim what no measurement holds."""
    return float(f"{value:.3g}")


def shown(value: float) -> str:
    """Return a figure for a table."""
    value = rounded(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:g}"
