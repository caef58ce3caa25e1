"""The three tail probabilities and the interval that the analyzers need, on `scipy.special`.

`scipy.stats` gives the same numbers, but importing it costs 50 MB of memory in a process that has a budget of 700 MB.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, gammaln, ndtr

_NEARLY_NORMAL = 1.6e-5
_Z_95 = 1.959963984540054


def pearson3_tail(z: float, skewness: float) -> float:
    """P(Z > z) of the standardised Pearson type III distribution; the normal one when it has no skewness."""
    if abs(skewness) < _NEARLY_NORMAL:
        return float(ndtr(-z))
    shape = 4 / skewness**2
    if skewness > 0:
        return float(gammaincc(shape, max(0.0, shape + z * math.sqrt(shape))))
    return float(gammainc(shape, max(0.0, shape - z * math.sqrt(shape))))


def hypergeometric_tail(at_least: int, population: int, marked: int, drawn: int) -> float:
    """P(X >= at_least) for the marked ones X among `drawn` of `population` (one-sided Fisher test)."""
    most = min(marked, drawn)
    least = max(0, drawn + marked - population)
    if at_least <= least:
        return 1.0
    hits = np.arange(at_least, most + 1)
    logs = _choose(marked, hits) + _choose(population - marked, drawn - hits) - _choose(population, drawn)
    return min(1.0, float(np.exp(logs).sum()))


def skewness(values: NDArray[np.float64]) -> float:
    """The third standardised moment of `values`, 0 when they are all the same."""
    centred = values - values.mean()
    spread = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean()) / spread**3 if spread > 0 else 0.0


def wilson(count: int, samples: int) -> tuple[float, float]:
    """The 95 % interval of the share behind `count` of `samples` (E. B. Wilson, 1927). `samples` must be positive."""
    share, squared = count / samples, _Z_95**2 / samples
    middle = (share + squared / 2) / (1 + squared)
    half = _Z_95 / (1 + squared) * math.sqrt(share * (1 - share) / samples + squared / (4 * samples))
    low = 0.0 if count == 0 else max(0.0, middle - half)
    high = 1.0 if count == samples else min(1.0, middle + half)
    return low, high


def _choose(of: float, count: object) -> NDArray[np.float64]:
    chosen = np.asarray(count)
    logs: NDArray[np.float64] = gammaln(of + 1) - gammaln(chosen + 1) - gammaln(of - chosen + 1)
    return logs
