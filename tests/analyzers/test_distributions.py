from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from analyzers.distributions import hypergeometric_tail, pearson3_tail, skewness, wilson


@settings(deadline=None)
@given(st.floats(-6, 12), st.floats(-3, 3))
@example(6.0, 1e-5)
def test_pearsons_tail_is_scipys(z: float, skew: float) -> None:
    assert pearson3_tail(z, skew) == pytest.approx(stats.pearson3.sf(z, skew), rel=1e-5, abs=1e-9)


@settings(deadline=None)
@given(st.integers(2, 1500), st.data())
def test_the_hypergeometric_tail_is_scipys(population: int, data: st.DataObject) -> None:
    marked = data.draw(st.integers(0, population))
    drawn = data.draw(st.integers(1, population))
    at_least = data.draw(st.integers(0, drawn))
    expected = stats.hypergeom.sf(at_least - 1, population, marked, drawn)
    assert hypergeometric_tail(at_least, population, marked, drawn) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@settings(deadline=None)
@given(st.integers(1, 100_000), st.data())
def test_wilsons_interval_is_scipys(samples: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, samples))
    expected = stats.binomtest(count, samples).proportion_ci(method="wilson")
    assert wilson(count, samples) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_skewness_is_scipys() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=500)
    assert skewness(values) == pytest.approx(stats.skew(values))
    assert skewness(np.ones(5)) == 0.0
