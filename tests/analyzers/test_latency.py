from __future__ import annotations

from datetime import timedelta

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call, a_rate_limited_call

from analyzers.analyzer import Measurement, Window
from analyzers.config import AnalyzersConfig
from analyzers.latency import LatencyAnalyzer
from store.connection import Store

WINDOW = Window(NOW - timedelta(minutes=2), NOW)


def measured(store: Store) -> dict[str, Measurement]:
    return {one.metric: one for one in LatencyAnalyzer(AnalyzersConfig()).analyze(store, WINDOW, NOW)}


def test_quantiles_are_those_of_whole_operations_over_all_minutes(store: Store) -> None:
    minutes = (NOW - timedelta(seconds=100), NOW - timedelta(seconds=30))
    waits = [(minutes[n % 2], float(n)) for n in range(1, 101)]
    collect(store, *(a_call(started_at=at, operation_ms=wait, duration_ms=1.0) for at, wait in waits))
    found = measured(store)
    assert [found[f"felt_p{p}_ms"].value for p in (50, 95, 99)] == pytest.approx([50, 95, 99], abs=1)
    assert found["felt_p50_ms"].samples == 100


def test_retried_attempts_are_part_of_their_operation_only(store: Store) -> None:
    collect(store, a_rate_limited_call(duration_ms=5.0), a_call(attempt=2, operation_ms=2000.0, duration_ms=900.0))
    assert measured(store)["felt_p50_ms"].value == 2000
    assert measured(store)["felt_p50_ms"].samples == 1


def test_the_first_token_is_measured_on_streams_only(store: Store) -> None:
    collect(store, a_call(operation_ms=900.0))
    assert {metric for metric in measured(store) if metric.startswith("first_token")} == set()
    collect(store, a_call(operation_ms=900.0, stream=True, time_to_first_token_ms=250.0))
    assert measured(store)["first_token_p95_ms"].value == 250
