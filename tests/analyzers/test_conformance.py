from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from drift_texts import BANKING
from events import a_call, a_rate_limited_call
from tokentide.call import LLMCall

from analyzers import ANALYZERS, load_analyzers
from analyzers.analyzer import Analyzer, Window, write
from analyzers.budget.config import BudgetsConfig
from analyzers.config import AnalyzersConfig
from store.connection import Store
from store.sql import parse

LABELS = {
    "cost": {"team", "model"},
    "money": {"team"},
    "latency": {"provider", "model"},
    "rate_limits": {"provider", "model"},
    "drift": {"team", "app", "kind"},
    "budgets": {"budget", "period"},
    "spend": {"team", "day"},
}
METRICS = {
    "cost": {"cost_usd", "priced_share"},
    "money": {"retries_usd", "abandoned_usd", "cache_savings_usd", "app_cache_saved_usd"},
    "latency": {f"{sketch}_p{p}_ms" for sketch in ("felt", "first_token") for p in (50, 95, 99)},
    "rate_limits": {"rate_limited_ratio", "error_ratio"},
    "drift": {"novel_share", "shift_sd", "p_value"},
    "budgets": {
        *(f"budget_{what}" for what in ("amount_usd", "actual_usd", "used_share", "priced_share", "state")),
        *("budget_forecast_usd", "budget_burn_rate_1h", "budget_burn_rate_6h", "budget_burn_rate_24h"),
        "budget_burn_rate_72h",
    },
    "spend": {f"spend_{what}" for what in ("usd", "priced_share", "expected_usd", "ratio", "score")},
}
EVERYTHING = parse("all", "-- all\nSELECT * EXCEPT computed_at FROM measurements FINAL ORDER BY ALL")
BUDGETS = BudgetsConfig.model_validate({"search": {"amount": 0.1, "period": "month", "team": "search"}})
MIDNIGHT = NOW.replace(hour=0)
WINDOW = Window(MIDNIGHT - timedelta(hours=1), MIDNIGHT)
IS_ABOUT = {"spend": Window(MIDNIGHT - timedelta(days=1), MIDNIGHT)}
WITHOUT_CALLS = Window(MIDNIGHT + timedelta(days=40), MIDNIGHT + timedelta(days=40, hours=1))


@pytest.fixture(scope="module", params=ANALYZERS)
def analyzer(request: pytest.FixtureRequest) -> Analyzer:
    config = AnalyzersConfig(
        enabled=[request.param], every_s=3600, drift_every_s=3600, drift_reference_samples=50, drift_min_samples=20
    )
    return load_analyzers(config, BUDGETS)[0]


def some_calls() -> list[LLMCall]:
    said: list[Any] = [
        a_call(
            started_at=MIDNIGHT - timedelta(minutes=50) + timedelta(seconds=10 * n),
            operation_ms=900.0,
            time_to_first_token_ms=120.0,
            prompt=text,
            response=f"About that: {text}",
            team="" if n % 2 else "search",
        )
        for n, text in enumerate(BANKING[:160])
    ]
    return [*said, a_rate_limited_call(started_at=MIDNIGHT - timedelta(minutes=5))]


def test_an_empty_store_measures_nothing(store: Store, analyzer: Analyzer) -> None:
    assert analyzer.analyze(store, WINDOW, NOW) == []


def test_time_without_calls_measures_nothing(store: Store, analyzer: Analyzer) -> None:
    collect(store, *some_calls())
    assert analyzer.analyze(store, WITHOUT_CALLS, NOW) == []


def test_every_measurement_carries_its_labels_and_window(store: Store, analyzer: Analyzer) -> None:
    collect(store, *some_calls())
    found = analyzer.analyze(store, WINDOW, NOW)
    assert {one.metric for one in found} == METRICS[analyzer.name]
    assert all(one.labels.keys() == LABELS[analyzer.name] for one in found)
    assert all(value for one in found for value in one.labels.values())
    assert {one.window for one in found} == {IS_ABOUT.get(analyzer.name, WINDOW)}
    assert all(one.samples > 0 for one in found)
    assert all(one.value is not None or one.note for one in found)


def test_an_interval_contains_its_value(store: Store, analyzer: Analyzer) -> None:
    collect(store, *some_calls())
    for one in analyzer.analyze(store, WINDOW, NOW):
        if one.low is not None and one.high is not None and one.value is not None:
            assert one.low <= one.value <= one.high


def test_the_same_window_again_overwrites_itself(store: Store, analyzer: Analyzer) -> None:
    collect(store, *some_calls())
    write(store, analyzer.name, analyzer.analyze(store, WINDOW, NOW), NOW)
    once = store.query(EVERYTHING).rows
    later = NOW + timedelta(minutes=1)
    write(store, analyzer.name, analyzer.analyze(store, WINDOW, later), later)
    assert store.query(EVERYTHING).rows == once
    assert once
