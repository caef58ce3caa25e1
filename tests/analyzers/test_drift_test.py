from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from drift_texts import BANKING, COOKING
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.config import AnalyzersConfig
from analyzers.drift_test import Comparison, Reference, compare
from analyzers.embedders import open_embedder
from analyzers.embedders.embedder import Vectors, normalised


@cache
def vectors_of(topic: str) -> Vectors:
    return open_embedder(AnalyzersConfig()).embed({"banking": BANKING, "cooking": COOKING}[topic])


def shuffled(vectors: Vectors, seed: int) -> Vectors:
    return np.random.default_rng(seed).permutation(vectors)


def compared(new_share: float, seed: int, n: int = 200) -> Comparison:
    """`n` current texts, of which a share is about cooking, against 400 others about banking."""
    banking, new = shuffled(vectors_of("banking"), seed), round(n * new_share)
    current = np.concatenate([banking[400 : 400 + n - new], shuffled(vectors_of("cooking"), seed)[:new]])
    return compare(Reference.of(banking[:400]), current, seed)


def is_finding(comparison: Comparison) -> bool:
    return comparison.p_value <= 0.01


def test_without_drift_at_most_three_of_a_hundred_windows_are_findings() -> None:
    assert sum(is_finding(compared(0, seed)) for seed in range(100)) <= 3


def test_the_p_value_is_small_about_as_rarely_as_it_says() -> None:
    small = np.mean([compared(0, seed, n=100).p_value <= 0.1 for seed in range(100)])
    assert small <= 0.2


def test_a_change_of_topic_is_always_found() -> None:
    assert all(is_finding(compared(0.1, seed)) for seed in range(20))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_the_novel_share_is_estimated_and_inside_its_interval(share: float) -> None:
    comparison = compared(share, seed=3)
    assert comparison.novel_share == pytest.approx(share, abs=0.05)
    assert comparison.novel_low < comparison.novel_share < comparison.novel_high


def test_the_novel_texts_are_the_new_ones_in_the_order_given() -> None:
    comparison = compared(0.2, seed=5)
    assert np.mean(comparison.novel >= 160) > 0.8
    assert len(set(comparison.novel.tolist()) & set(range(160, 200))) >= 36


def test_a_loop_of_one_text_is_crowding_and_not_novelty() -> None:
    banking = shuffled(vectors_of("banking"), 1)
    loop = np.concatenate([banking[400:560], np.repeat(banking[:1], 40, axis=0)])
    comparison = compare(Reference.of(banking[:400]), loop, seed=1)
    assert comparison.p_crowding < 0.001
    assert comparison.p_novelty > 0.01


def test_more_of_a_known_topic_is_a_shift_and_not_novelty() -> None:
    banking, cooking = shuffled(vectors_of("banking"), 2), shuffled(vectors_of("cooking"), 2)
    reference = np.concatenate([banking[:360], cooking[:40]])
    comparison = compare(Reference.of(reference), np.concatenate([banking[400:500], cooking[50:]]), seed=2)
    assert comparison.p_shift < 1e-6
    assert comparison.shift_sd > 0.1


unit_vectors = st.integers(0, 2**32 - 1).map(
    lambda seed: normalised(np.random.default_rng(seed).normal(size=(60, 8)).astype(np.float32))
)


@given(unit_vectors)
@settings(deadline=None, max_examples=30)
def test_the_same_texts_are_no_drift(vectors: Vectors) -> None:
    assert compare(Reference.of(vectors), vectors, seed=0).p_value > 0.5


@given(unit_vectors, unit_vectors, st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_the_order_of_the_texts_does_not_matter(one: Vectors, other: Vectors, seed: int) -> None:
    there = compare(Reference.of(one), other, seed)
    again = compare(Reference.of(shuffled(one, seed)), shuffled(other, seed), seed)
    assert again.p_value == there.p_value
    assert (again.novel_share, again.shift_sd) == (there.novel_share, there.shift_sd)
    assert sorted(again.nearness) == sorted(there.nearness)


@given(unit_vectors, unit_vectors)
@settings(deadline=None, max_examples=30)
def test_shares_and_probabilities_stay_between_zero_and_one(one: Vectors, other: Vectors) -> None:
    found = compare(Reference.of(one), other, seed=0)
    assert 0 <= found.novel_low <= found.novel_share <= found.novel_high <= 1
    assert all(0 <= p <= 1 for p in (found.p_value, found.p_shift, found.p_novelty, found.p_crowding))


def test_texts_that_are_all_alike_are_no_drift_from_each_other_but_from_others() -> None:
    alike = np.tile(np.eye(1, 8, dtype=np.float32), (60, 1))
    assert compare(Reference.of(alike), alike[:50], seed=0).p_value == 1
    assert compare(Reference.of(alike), np.roll(alike, 1, axis=1)[:50], seed=0).p_value == 0
