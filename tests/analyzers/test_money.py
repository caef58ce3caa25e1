from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call

from analyzers.analyzer import Window
from analyzers.config import AnalyzersConfig
from analyzers.money import MoneyAnalyzer
from store.connection import Store

MINUTE = timedelta(minutes=1)


def measured(store: Store, window: Window) -> dict[tuple[str, str], float | None]:
    found = MoneyAnalyzer(AnalyzersConfig()).analyze(store, window, NOW)
    return {(one.labels["team"], one.metric): one.value for one in found}


def test_what_was_spent_for_nothing_and_what_was_saved(store: Store) -> None:
    at = NOW - MINUTE
    collect(
        store,
        a_call(started_at=at),
        a_call(started_at=at, provider_reported_cost=Decimal(2), is_final=False),
        a_call(started_at=at, provider_reported_cost=Decimal(1), stream=True, stream_outcome="abandoned"),
        a_call(started_at=at, cache_hit=True),
        a_call(started_at=NOW, provider_reported_cost=Decimal(64), is_final=False),
    )
    assert measured(store, Window(at, NOW)) == {
        ("search", "retries_usd"): 2,
        ("search", "abandoned_usd"): 1,
        ("search", "cache_savings_usd"): pytest.approx(64 * (1.25 - 0.125) / 1e6),
        ("search", "app_cache_saved_usd"): pytest.approx(0.001013),
    }


def test_an_unknown_amount_is_none_and_says_so(store: Store) -> None:
    collect(store, a_call(started_at=NOW - MINUTE, team="", model_requested="nobody-knows", is_final=False))
    (retries, abandoned, *_) = MoneyAnalyzer(AnalyzersConfig()).analyze(store, Window(NOW - MINUTE, NOW), NOW)
    assert (retries.labels, retries.value, retries.note) == (
        {"team": "unattributed"},
        None,
        "none of these amounts is known",
    )
    assert (abandoned.value, abandoned.note, abandoned.samples) == (0, "", 1)
