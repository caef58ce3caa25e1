"""Costs that teams share are charged day by day, all of them, to those who cause them."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collector.allocation.allocate import allocate_shared
from collector.allocation.shared import SharedCostConfig, daily, split
from store.connection import Store
from store.sql import parse

DAY = timedelta(days=1)
FEE = SharedCostConfig(monthly=Decimal(600), driver="cost", valid_from=(NOW - 2 * DAY).date())
CHARGED = parse(
    "charged",
    """-- One row = a day and team.
SELECT toDate(hour), team, sum(cost), sum(attempts) FROM call_hours FINAL
WHERE provider = 'shared' AND cost > 0 GROUP BY ALL ORDER BY ALL""",
)
AMOUNTS = st.decimals(0, 10**6, places=6)


@given(AMOUNTS, st.dictionaries(st.text(max_size=3), AMOUNTS, max_size=6))
def test_the_parts_add_up_to_the_amount(amount: Decimal, drivers: dict[str, Decimal]) -> None:
    parts = split(amount, drivers)
    assert sum(parts.values()) == amount
    assert all(part >= 0 for part in parts.values())
    assert set(parts) <= set(drivers) | {""}


@given(AMOUNTS, st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_the_days_of_a_month_add_up_to_it(monthly: Decimal, day: date) -> None:
    days = monthrange(day.year, day.month)[1]
    assert sum(daily(monthly, day.replace(day=one)) for one in range(1, days + 1)) == monthly


def test_a_negative_driver_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        split(Decimal(1), {"search": Decimal(-1)})


def test_ended_days_are_charged_to_teams_by_what_they_spent(store: Store) -> None:
    told = {"started_at": NOW - DAY}
    three, one = Decimal(3), Decimal(1)
    collect(
        store,
        a_call(team="search", provider_reported_cost=three, **told),
        a_call(team="growth", provider_reported_cost=one, **told),
    )
    assert allocate_shared(store, "gateway", FEE, NOW) == 2
    amount = daily(FEE.monthly, (NOW - DAY).date())
    assert store.query(CHARGED).rows == [
        ((NOW - 2 * DAY).date(), "", daily(FEE.monthly, (NOW - 2 * DAY).date()), 0),
        ((NOW - DAY).date(), "growth", amount / 4, 0),
        ((NOW - DAY).date(), "search", amount / 4 * 3, 0),
    ]
    assert allocate_shared(store, "gateway", FEE, NOW) == 0


def test_a_late_call_moves_what_was_charged(store: Store) -> None:
    collect(store, a_call(team="search", provider_reported_cost=Decimal(3), started_at=NOW - DAY))
    allocate_shared(store, "gateway", FEE, NOW)
    before = {(day, team): cost for day, team, cost, _ in store.query(CHARGED).rows}
    collect(store, a_call(team="growth", provider_reported_cost=Decimal(3), started_at=NOW - 2 * DAY))
    later = NOW + timedelta(seconds=1)
    assert allocate_shared(store, "gateway", FEE, later) == 1
    after = {(day, team): cost for day, team, cost, _ in store.query(CHARGED).rows}
    first = (NOW - 2 * DAY).date()
    assert (before[first, ""], after[first, "growth"]) == (daily(FEE.monthly, first),) * 2
    assert (first, "") not in after
    assert sum(after.values()) == sum(before.values())


@pytest.mark.parametrize("driver", ["tokens", "attempts"])
def test_other_drivers(store: Store, driver: str) -> None:
    told = {"started_at": NOW - DAY, "input_tokens": 100, "output_tokens": 0, "provider_reported_cost": None}
    collect(store, *(a_call(team=team, **told) for team in ("a", "b", "b", "b")))
    allocate_shared(store, "gateway", FEE.model_copy(update={"driver": driver, "valid_from": (NOW - DAY).date()}), NOW)
    amount = daily(FEE.monthly, (NOW - DAY).date())
    assert [(team, cost) for _, team, cost, _ in store.query(CHARGED).rows] == [
        ("a", amount / 4),
        ("b", amount / 4 * 3),
    ]


def test_declared_shares_need_no_calls(store: Store) -> None:
    shares = {"search": Decimal(2), "growth": Decimal(1)}
    fee = SharedCostConfig(monthly=Decimal(90), driver="shares", shares=shares, valid_from=(NOW - DAY).date())
    collect(store)
    allocate_shared(store, "gateway", fee, NOW)
    amount = daily(fee.monthly, (NOW - DAY).date())
    assert [(team, cost) for _, team, cost, _ in store.query(CHARGED).rows] == [
        ("growth", split(amount, shares)["growth"]),
        ("search", split(amount, shares)["search"]),
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"monthly": "-1"}, "monthly"),
        ({"driver": "shares"}, "belong to driver shares"),
        ({"shares": {"a": "1"}}, "belong to driver shares"),
        ({"driver": "shares", "shares": {"a": "-1"}}, "shares"),
        ({"valid_to": "2026-01-01"}, "valid_to must be later"),
    ],
)
def test_a_shared_cost_that_makes_no_sense_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SharedCostConfig.model_validate({"monthly": "5", "valid_from": "2026-11-01"} | wrong)


def test_days_that_are_not_paid_any_more_are_charged_to_nobody(store: Store) -> None:
    collect(store, a_call(team="search", provider_reported_cost=Decimal(3), started_at=NOW - DAY))
    allocate_shared(store, "gateway", FEE, NOW)
    ended = FEE.model_copy(update={"valid_to": (NOW - DAY).date()})
    later = NOW + timedelta(seconds=1)
    assert allocate_shared(store, "gateway", ended, later) == 1
    first = (NOW - 2 * DAY).date()
    assert store.query(CHARGED).rows == [(first, "", daily(FEE.monthly, first), 0)]
    assert allocate_shared(store, "gateway", ended, later) == 0


def test_contradictory_usage_bears_nothing_by_tokens(store: Store) -> None:
    absurd = {"input_tokens": 10**12, "cache_read_tokens": 0}
    yesterday = {"started_at": NOW - DAY}
    collect(store, a_call(team="growth", **absurd, **yesterday), a_call(team="search", **yesterday))
    by_tokens = FEE.model_copy(update={"driver": "tokens", "valid_from": (NOW - DAY).date()})
    allocate_shared(store, "gateway", by_tokens, NOW)
    amount = daily(FEE.monthly, (NOW - DAY).date())
    assert [row[1:3] for row in store.query(CHARGED).rows if row[2]] == [("search", amount)]


def test_days_of_any_age_are_charged_where_they_are_asked_for(store: Store) -> None:
    long_ago = FEE.model_copy(update={"valid_from": (NOW - 100 * DAY).date(), "valid_to": (NOW - 98 * DAY).date()})
    assert allocate_shared(store, "gateway", long_ago, NOW) == 0
    assert allocate_shared(store, "gateway", long_ago, NOW, since=NOW - 110 * DAY) == 2
