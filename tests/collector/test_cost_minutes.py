"""What calls of a minute cost is the same, be the tokens priced call by call or added up first."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call, a_rate_limited_call
from given_prices import state_prices_of_all_calls
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.allocation.capacity import CapacityConfig
from collector.allocation.hours import allocate_capacity
from store.connection import Store
from store.sql import Query, parse

CALL_BY_CALL = parse(
    "call_by_call",
    """-- One row = a minute and its dimensions.
SELECT toStartOfMinute(calls.started_at) AS minute, team, model, operation, countIf(calls.is_attempt),
    countIf(calls.cost IS NOT NULL AND calls.is_attempt), countIf(calls.cost IS NULL), sum(calls.cost),
    ifNull(sumIf(calls.cost, calls.cost_status = 'estimated'), toDecimal128(0, 12)), sum(calls.saved)
FROM priced_calls AS calls GROUP BY minute, team, model, operation ORDER BY minute, team, model, operation""",
)
ADDED_UP, ADDED_UP_ANEW, ROLLED_UP = (
    parse(
        "added_up",
        f"""-- One row = a minute and its dimensions.
SELECT minute, team, model, operation, sum(minutes.attempts), sum(minutes.priced), sum(minutes.unpriced), sum(minutes.cost),
    sum(minutes.estimated_cost), sum(minutes.saved)
FROM {source} AS minutes GROUP BY minute, team, model, operation ORDER BY minute, team, model, operation""",
    )
    for source in (
        *(
            "priced_minutes_at(version = (SELECT max(number) FROM cost_versions),"
            f" start = '2026-11-01 00:00:00', end = '2026-12-01 00:00:00', anew = {anew})"
            for anew in (0, 1)
        ),
        "(SELECT * FROM call_minutes FINAL)",
    )
)
STATUSES = parse("statuses", "-- One row = a status.\nSELECT DISTINCT cost_status FROM priced_calls ORDER BY 1")
COUNTS = st.integers(0, 300_000)


OF_SOME = """
[[price]]
provider = "openai"
model = "gpt-5"
team = "search"
valid_from = 2026-11-20T11:58:00Z
rates = {input_rate = 7, output_rate = 11}

[[price]]
provider = "openai"
model = "gpt-5"
context = ""
account = "ours"
day_from = 11:59:00
rates = {input_rate = 3, output_rate = 5}

[[price]]
provider = "anthropic"
model = "claude-sonnet-4-5"
input_from = 123456
rates = {input_rate = 2, output_rate = 1}
"""


@pytest.fixture
def contracted(store: Store) -> Store:
    """A store with prices of a team, an account, a time of the day and a size that are in force."""
    state_prices_of_all_calls(store, OF_SOME, "contract")
    return store


@st.composite
def kinds(draw: st.DrawFn) -> dict[str, Any]:
    inputs, outputs = draw(COUNTS), draw(COUNTS)
    return {
        "team": draw(st.sampled_from(["search", "growth"])),
        "model_requested": draw(
            st.sampled_from(["gpt-5", "gpt-5.4", "claude-sonnet-4-5", "text-embedding-3-small", "own"])
        ),
        "provider": draw(st.sampled_from(["openai", "anthropic"])),
        "attributes": {"account": draw(st.sampled_from(["", "ours"]))},
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


def same_however_it_is_added_up(store: Store) -> list[tuple[Any, ...]]:
    """What the calls cost by minute and dimensions: the same in all four ways."""
    wanted = list(store.query(CALL_BY_CALL).rows)
    for query in (ADDED_UP, ADDED_UP_ANEW, ROLLED_UP):
        assert store.query(query).rows == wanted
    return wanted


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(kinds(), min_size=1, max_size=25))
def test_adding_up_first_gives_the_same_sums(contracted: Store, found: list[dict[str, Any]]) -> None:
    for table in ("llm_calls", "call_minutes", "call_hours"):
        contracted.execute(Query("clear", "", f"TRUNCATE TABLE {table}", {}))
    collect(contracted, *(a_call(**one) for one in found))
    same_however_it_is_added_up(contracted)


def test_the_sums_have_the_prices_of_team_account_hour_and_size(contracted: Store) -> None:
    noon = {"started_at": NOW - timedelta(seconds=30), "cache_read_tokens": 0}
    large = {"model_requested": "claude-sonnet-4-5", "provider": "anthropic", **noon}
    collect(
        contracted,
        a_call(team="search", **noon),
        a_call(team="growth", attributes={"account": "ours"}, **noon),
        a_call(team="early", attributes={"account": "ours"}, **(noon | {"started_at": NOW - timedelta(minutes=2)})),
        a_call(team="large", **(large | {"input_tokens": 123456})),
        a_call(team="smaller", **(large | {"input_tokens": 123455})),
    )
    assert {row[1]: row[7] * 1_000_000 for row in same_however_it_is_added_up(contracted)} == {
        "search": 100 * 7 + 96 * 11,
        "growth": 100 * 3 + 96 * 5,
        "early": Decimal("1.25") * 100 + 96 * 10,
        "large": 123456 * 2 + 96,
        "smaller": 123455 * 3 + 96 * 15,
    }


def test_the_contract_of_an_account_goes_before_that_of_a_team_only_while_it_has_a_price(contracted: Store) -> None:
    of_both = {"team": "search", "attributes": {"account": "ours"}, "cache_read_tokens": 0}
    collect(contracted, *(a_call(started_at=NOW - timedelta(seconds=ago), **of_both) for ago in (30, 90, 150)))
    of_account, of_team, of_everyone = 100 * 3 + 96 * 5, 100 * 7 + 96 * 11, Decimal("1.25") * 100 + 96 * 10
    costs = [row[7] * 1_000_000 for row in same_however_it_is_added_up(contracted)]
    assert costs == [of_everyone, of_team, of_account]


@pytest.mark.parametrize("team", ["account:ours", "*", "capacity:gpu"])
def test_a_team_cannot_call_itself_what_it_is_not(contracted: Store, team: str) -> None:
    collect(contracted, a_call(team=team, cache_read_tokens=0))
    ((cost,),) = {row[7:8] for row in same_however_it_is_added_up(contracted)}
    assert cost * 1_000_000 == 125 + 96 * 10


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
    rows = same_however_it_is_added_up(store)
    assert sum(row[7] for row in rows if row[7] is not None) == pytest.approx(
        Decimal(3) * 12 + Decimal("1.002026"), rel=Decimal("1e-3")
    )
