"""The drift test: are these texts of the same kind as the reference? Three parts, one p-value, no tuning.

* shift: has the mean moved? Without drift the squared distance of two means is a weighted sum of chi-squared
  variables; its tail comes from its first three moments (Pearson III), so that no permutation is needed.
* novelty: are more texts far from everything in the reference than the reference is from itself? Fisher's exact test.
* crowding: do texts lie closer to each other than chance allows (a new clump, a loop)? Count of neighbours within the
  current texts (Schilling, 1986; Henze, 1988) against random labels, again with a Pearson III tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analyzers.distributions import hypergeometric_tail, pearson3_tail, skewness, wilson
from analyzers.embedders.embedder import Vectors

_NEAREST: Final = 3
"""A text is as far from the reference as from its third nearest neighbour there."""
_NEAR_SHARE: Final = 0.98
"""A text is novel when it is further from the reference than this share of the reference is from itself."""
_NEIGHBOURS: Final = 5
_LABELLINGS: Final = 299
_SMALLEST: Final = 1e-12

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reference:
    """What is known about the reference texts before any comparison."""

    vectors: Vectors
    mean: Matrix
    scatter: Matrix
    threshold: float
    beyond: int

    @classmethod
    def of(cls, vectors: Vectors) -> Reference:
        """From at least four unit vectors, in any order."""
        vectors = _ordered(vectors)[0]
        similarity = vectors @ vectors.T
        np.fill_diagonal(similarity, -np.inf)
        nearness = _kth_largest(similarity, _NEAREST)
        threshold = float(np.quantile(nearness, 1 - _NEAR_SHARE))
        mean = vectors.mean(axis=0, dtype=np.float64)
        return cls(vectors, mean, _scatter(vectors, mean), threshold, int((nearness < threshold).sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How current texts differ from the reference.

    `p_value` is the chance of so much difference without drift: the smallest of the three parts times three.
    `novel_share` estimates which share of the texts is unlike anything in the reference, with its 95 % interval; for
    topics close to the reference it is a lower bound. `shift_sd` is how far the mean moved, in standard deviations of
    single texts, without the distance that chance alone explains. `nearness` has one similarity per text, in the order
    given: those below `threshold` are novel.
    """

    p_value: float
    p_shift: float
    p_novelty: float
    p_crowding: float
    novel_share: float
    novel_low: float
    novel_high: float
    shift_sd: float
    nearness: NDArray[np.float32]
    threshold: float

    @property
    def novel(self) -> NDArray[np.int64]:
        """The positions of the novel texts, the most novel first."""
        order = np.argsort(self.nearness, kind="stable")
        return order[: int((self.nearness < self.threshold).sum())]


def compare(reference: Reference, current: Vectors, seed: int) -> Comparison:
    """The three parts for at least two unit vectors; their order does not matter, the same seed repeats the result."""
    vectors, order = _ordered(current)
    p_shift, shift_sd = _shift(reference, vectors)
    sorted_nearness = _kth_largest(vectors @ reference.vectors.T, _NEAREST)
    p_novelty, share, low, high = _novelty(reference, sorted_nearness)
    p_crowding = _crowding(reference.vectors, vectors, seed)
    nearness = np.empty_like(sorted_nearness)
    nearness[order] = sorted_nearness
    return Comparison(
        p_value=min(1.0, 3 * min(p_shift, p_novelty, p_crowding)),
        p_shift=p_shift,
        p_novelty=p_novelty,
        p_crowding=p_crowding,
        novel_share=share,
        novel_low=low,
        novel_high=high,
        shift_sd=shift_sd,
        nearness=nearness,
        threshold=reference.threshold,
    )


def _shift(reference: Reference, current: Vectors) -> tuple[float, float]:
    m, n = len(reference.vectors), len(current)
    mean = current.mean(axis=0, dtype=np.float64)
    distance = float(((mean - reference.mean) ** 2).sum())
    covariance = (reference.scatter + _scatter(current, mean)) / (m + n - 2)
    squared = covariance @ covariance
    variance, second, third = covariance.trace(), squared.trace(), float((squared * covariance).sum())
    if variance < _SMALLEST:
        return (1.0, 0.0) if distance < _SMALLEST else (0.0, float(np.sqrt(distance / _SMALLEST)))
    z = (distance * m * n / (m + n) - variance) / np.sqrt(2 * second)
    p_value = pearson3_tail(float(z), float(8 * third / (2 * second) ** 1.5))
    return p_value, float(np.sqrt(max(0.0, distance - variance * (1 / m + 1 / n)) / variance))


def _novelty(reference: Reference, nearness: NDArray[np.float32]) -> tuple[float, float, float, float]:
    m, n = len(reference.vectors), len(nearness)
    beyond = int((nearness < reference.threshold).sum())
    p_value = hypergeometric_tail(beyond, m + n, beyond + reference.beyond, n)
    expected = reference.beyond / m
    low, high = wilson(beyond, n)
    share, low, high = (max(0.0, (part - expected) / (1 - expected)) for part in (beyond / n, low, high))
    return p_value, share, low, high


def _crowding(reference: Vectors, current: Vectors, seed: int) -> float:
    m, n = len(reference), len(current)
    pooled = np.concatenate([reference, current])
    similarity = pooled @ pooled.T
    np.fill_diagonal(similarity, -np.inf)
    neighbours = np.argpartition(-similarity, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
    random = np.random.default_rng(seed)
    labels = np.zeros((_LABELLINGS + 1, m + n), np.int32)
    labels[0, m:] = 1
    for row in labels[1:]:
        row[random.choice(m + n, n, replace=False)] = 1
    within = np.array([int(row[neighbours[row == 1]].sum()) for row in labels], np.float64)
    chance = within[1:]
    spread = chance.std(ddof=1)
    if spread == 0:
        return float(within[0] <= chance[0])
    return pearson3_tail(float((within[0] - chance.mean()) / spread), skewness(chance))


def _scatter(vectors: Vectors, mean: Matrix) -> Matrix:
    centred = vectors - mean
    return np.asarray(centred.T @ centred, np.float64)


def _kth_largest(similarity: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    return np.partition(similarity, -k, axis=1)[:, -k]


def _ordered(vectors: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
    order = np.array(sorted(range(len(vectors)), key=lambda row: vectors[row].tobytes()), np.int64)
    return np.ascontiguousarray(vectors[order], dtype=np.float32), order
