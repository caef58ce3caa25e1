from __future__ import annotations

from datetime import timedelta

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call, a_rate_limited_call
from hypothesis import given
from hypothesis import strategies as st

from analyzers.analyzer import Window
from analyzers.config import AnalyzersConfig
from analyzers.distributions import wilson
from analyzers.rate_limits import RateLimitsAnalyzer
from store.connection import Store

WINDOW = Window(NOW - timedelta(minutes=1), NOW)


def test_each_ratio_counts_its_own_attempts(store: Store) -> None:
    failed = [a_call(status=status) for status in ("server_error", "timeout")]
    collect(store, *failed, a_call(), a_call(), a_call(status="cancelled"), *(a_rate_limited_call() for _ in range(5)))
    found = {one.metric: one for one in RateLimitsAnalyzer(AnalyzersConfig()).analyze(store, WINDOW, NOW)}
    assert found["rate_limited_ratio"].value == 0.5
    assert found["error_ratio"].value == 0.2
    assert found["rate_limited_ratio"].labels == {"provider": "openai", "model": "gpt-5"}
    assert found["rate_limited_ratio"].samples == 10
    assert found["rate_limited_ratio"].low == pytest.approx(0.2366, abs=1e-4)
    assert found["rate_limited_ratio"].high == pytest.approx(0.7634, abs=1e-4)


@given(st.integers(1, 1_000_000), st.data())
def test_an_interval_contains_the_share_and_stays_inside_zero_and_one(samples: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, samples))
    low, high = wilson(count, samples)
    assert 0 <= low <= count / samples + 1e-12
    assert count / samples - 1e-12 <= high <= 1
