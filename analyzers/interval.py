"""How sure a ratio is."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson(count: int, samples: int) -> tuple[float, float]:
    """The 95 % interval of the share behind `count` of `samples` (E. B. Wilson, 1927). `samples` must be positive."""
    interval = binomtest(count, samples).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)
