from __future__ import annotations

from datetime import timedelta

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call, a_rate_limited_call

from analyzers.analyzer import Measurement, Window
from analyzers.config import AnalyzersConfig
from analyzers.cost import CostAnalyzer
from store.connection import Store

WINDOW = Window(NOW - timedelta(minutes=1), NOW)


def measured(store: Store) -> dict[tuple[str, str, str], Measurement]:
    found = CostAnalyzer(AnalyzersConfig()).analyze(store, WINDOW, NOW)
    return {(one.metric, one.labels["team"], one.labels["model"]): one for one in found}


def test_cost_is_summed_per_team_and_model(store: Store) -> None:
    collect(store, a_call(), a_call(), a_call(team="support"), a_rate_limited_call())
    found = measured(store)
    assert found["cost_usd", "search", "gpt-5"].value == pytest.approx(0.002026)
    assert found["cost_usd", "search", "gpt-5"].samples == 3
    assert found["cost_usd", "support", "gpt-5"].value == pytest.approx(0.001013)
    assert found["priced_share", "search", "gpt-5"].value == 1


def test_unknown_cost_is_none_and_never_zero(store: Store) -> None:
    collect(store, a_call(model_requested="nobody-knows"))
    found = measured(store)
    assert found["cost_usd", "search", "nobody-knows"].value is None
    assert found["priced_share", "search", "nobody-knows"].value == 0
    assert found["cost_usd", "search", "nobody-knows"].note == "the cost of 1 of 1 attempts is unknown"


def test_a_partly_known_cost_says_so(store: Store) -> None:
    without_usage = {"input_tokens": None, "cache_read_tokens": None, "output_tokens": None, "usage_source": "missing"}
    collect(store, a_call(), a_call(**without_usage))
    found = measured(store)
    assert found["cost_usd", "search", "gpt-5"].value == pytest.approx(0.001013)
    assert found["priced_share", "search", "gpt-5"].value == 0.5


def test_calls_outside_of_the_window_do_not_count(store: Store) -> None:
    collect(store, a_call(started_at=NOW), a_call(started_at=NOW - timedelta(minutes=1, microseconds=1)))
    assert measured(store) == {}
