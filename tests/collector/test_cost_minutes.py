"""What calls of a minute cost is the same, be the tokens priced call by call or added up first."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call, a_rate_limited_call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.allocation.allocate import allocate_capacity
from collector.allocation.capacity import CapacityConfig
from store.connection import Store
from store.sql import parse

CALL_BY_CALL = parse(
    "call_by_call",
    """-- One row = a minute and its dimensions.
SELECT toStartOfMinute(calls.started_at) AS minute, dimensions, countIf(calls.is_attempt),
    countIf(calls.cost IS NOT NULL AND calls.is_attempt), countIf(calls.cost IS NULL),
    if(countIf(calls.cost IS NOT NULL AND calls.is_attempt) = 0 AND countIf(calls.is_attempt) > 0, NULL, sum(calls.cost)),
    ifNull(sumIf(calls.cost, calls.cost_status = 'estimated'), toDecimal128(0, 12)), sum(calls.saved)
FROM priced_calls AS calls GROUP BY minute, dimensions ORDER BY minute, dimensions""",
)
ADDED_FIRST = parse(
    "added_first",
    """-- One row = a minute and its dimensions.
SELECT minute, dimensions, attempts, priced, unpriced, cost, estimated_cost, saved
FROM cost_minutes_at(version = (SELECT max(number) FROM cost_versions), start = '2026-11-01 00:00:00', end = '2026-12-01 00:00:00')
ORDER BY minute, dimensions""",
)
STATUSES = parse("statuses", "-- One row = a status.\nSELECT DISTINCT cost_status FROM priced_calls ORDER BY 1")
CLEAR = parse("clear", "-- One row = a call.\nTRUNCATE TABLE llm_calls")
COUNTS = st.integers(0, 300_000)


@st.composite
def kinds(draw: st.DrawFn) -> dict[str, Any]:
    inputs, outputs = draw(COUNTS), draw(COUNTS)
    return {
        "team": draw(st.sampled_from(["search", "growth"])),
        "model_requested": draw(
            st.sampled_from(["gpt-5", "gpt-5.4", "claude-sonnet-4-5", "text-embedding-3-small", "own"])
        ),
        "provider": draw(st.sampled_from(["openai", "anthropic"])),
        "started_at": NOW - timedelta(seconds=draw(st.integers(1, 150))),
        "input_tokens": inputs,
        "cache_read_tokens": draw(st.integers(0, inputs + 1)),
        "cache_write_1h_tokens": draw(st.sampled_from([0, 1, 50])),
        "input_audio_tokens": draw(st.sampled_from([0, 7])),
        "output_tokens": outputs,
        "reasoning_tokens": draw(st.integers(0, outputs)),
        "usage_source": draw(st.sampled_from(["provider", "estimated", "missing"])),
        "cache_hit": draw(st.booleans()),
        "provider_reported_cost": draw(st.sampled_from([None, None, Decimal("0.0123")])),
    }


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(kinds(), min_size=1, max_size=25))
def test_adding_up_first_gives_the_same_sums(store: Store, found: list[dict[str, Any]]) -> None:
    store.execute(CLEAR)
    collect(store, *(a_call(**one) for one in found))
    assert store.query(ADDED_FIRST).rows == store.query(CALL_BY_CALL).rows


def test_every_status_is_in_the_sums(store: Store) -> None:
    flat = {"gpu": CapacityConfig(kind="gpu", hourly=Decimal(3), host="gpu-1", valid_from=NOW.date())}
    then = {"started_at": NOW - timedelta(hours=1)}
    collect(
        store,
        a_call(**then),
        a_call(usage_source="estimated", **then),
        a_call(usage_source="missing", **then),
        a_rate_limited_call(**then),
        a_call(model_requested="own", **then),
        a_call(cache_read_tokens=1000, **then),
        a_call(provider_reported_cost=Decimal(1), **then),
        a_call(cache_hit=True, **then),
        a_call(model_requested="text-embedding-3-small", **then),
        a_call(host="gpu-1", **then),
        capacity=flat,
    )
    allocate_capacity(store, "gpu", flat["gpu"], NOW + timedelta(minutes=15))
    assert [status for (status,) in store.query(STATUSES).rows] == [
        "cache_hit", "contradictory", "estimated", "flat", "free", "missing_usage", "partial", "priced",
        "provider_reported", "unpriced",
    ]  # fmt: skip
    rows = store.query(ADDED_FIRST).rows
    assert rows == store.query(CALL_BY_CALL).rows
    assert sum(row[5] for row in rows if row[5] is not None) == pytest.approx(
        Decimal(3) * 12 + Decimal("1.002026"), rel=Decimal("1e-3")
    )
