"""Budgets by attributes, which read single calls: what counts, what was never seen, and what is no longer kept."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from tokentide.call import LLMCall

from analyzers.budget.config import Budget
from analyzers.budget.spend import read_spending
from analyzers.budget.status import evaluate
from store.connection import Store

UTC = timezone.utc
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def costing(dollars: str, at: datetime, **more: Any) -> LLMCall:
    return a_call(started_at=at, provider_reported_cost=Decimal(dollars), **more)


def month(amount: str = "1", **more: Any) -> Budget:
    return Budget(amount=Decimal(amount), period="month", **more)


def actual(store: Store, budget: Budget) -> Decimal:
    return evaluate("b", budget, read_spending(store, budget, NOW, UTC), NOW, UTC, []).actual


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"attributes": {"tenant": "acme"}}, 3),
        ({"attributes": {"tenant": "acme*"}}, 7),
        ({"attributes": {"tenant": "*"}}, 15),
        ({"attributes": {"tenant": "ac_e"}}, 0),
        ({"attributes": {"tenant": "*", "plan": "free"}}, 2),
        ({"attributes": {"tenant": "acme"}, "team": "other"}, 2),
        ({"attributes": {"tenant": "*"}, "team": "unattributed", "model": "gpt-5"}, 8),
    ],
)
def test_a_budget_counts_calls_by_their_attributes(store: Store, filters: dict[str, Any], expected: int) -> None:
    at = NOW - HOUR
    collect(
        store,
        costing("1", at, attributes={"tenant": "acme"}),
        costing("2", at - 30 * HOUR, team="other", attributes={"tenant": "acme", "plan": "free"}),
        costing("4", at, attributes={"tenant": "acme-eu"}),
        costing("8", at, team="", attributes={"tenant": "initech"}),
        costing("16", at),
        costing("32", at, attributes={"tenant": ""}, cache_hit=True),
        costing("64", NOW, attributes={"tenant": "acme"}),
    )
    assert actual(store, month(**filters)) == expected


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_an_attribute_that_all_calls_have_changes_nothing(store: Store, zone: str) -> None:
    ago = [MINUTE, 61 * MINUTE, 25 * HOUR, 26 * HOUR + 40 * MINUTE, 18 * 24 * HOUR]
    collect(store, *(costing("1", NOW - one, attributes={"tenant": "acme"}) for one in ago))
    collect(store, a_call(started_at=NOW - HOUR, attributes={"tenant": "acme"}, model_requested="nobody-knows"))
    with_attribute = read_spending(store, month(attributes={"tenant": "*"}), NOW, ZoneInfo(zone))
    assert with_attribute == read_spending(store, month(), NOW, ZoneInfo(zone))
    assert len(with_attribute.spans) >= 5


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"tenat": "acme"}, ": no attribute tenat (did you mean tenant?)"),
        ({"tenant": "acne"}, ": no attribute tenant = acne (did you mean acme?)"),
        ({"tenant": "acme", "plan": "free"}, ""),
    ],
)
def test_an_attribute_that_was_never_seen_is_named_with_the_nearest(
    store: Store, attributes: dict[str, str], said: str
) -> None:
    collect(store, costing("1", NOW - HOUR, attributes={"tenant": "acme", "region": "eu"}))
    collect(store, costing("1", NOW - HOUR, attributes={"plan": "free"}))
    found = read_spending(store, month(attributes=attributes), NOW, UTC)
    assert found.never_seen == f"no such calls were ever seen{said}"


def test_an_attribute_needs_a_name_and_a_text() -> None:
    for attributes in ({"tenant": ""}, {"": "acme"}):
        with pytest.raises(ValueError, match="write a name and a text"):
            month(attributes=attributes)


def test_a_budget_by_attributes_says_when_calls_of_its_period_are_gone(store: Store) -> None:
    collect(store, costing("1", NOW - HOUR, attributes={"tenant": "acme"}))
    store.insert("removed_facts", ["before", "noted_at"], [(NOW - 24 * HOUR, NOW)])
    spending = read_spending(store, month("9", attributes={"tenant": "acme"}), NOW, UTC)
    assert spending.incomplete == "calls before 2026-11-19 12:00 UTC are no longer kept, it is more than this"
    assert read_spending(store, month(), NOW, UTC).incomplete == ""
    assert evaluate("b", month("9"), spending, NOW, UTC, []).state == "broken"
    assert evaluate("b", month("0.5"), spending, NOW, UTC, []).state == "exceeded"
    today = Budget(amount=Decimal(9), period="day", attributes={"tenant": "acme"})
    assert read_spending(store, today, NOW + 24 * HOUR, UTC).incomplete == ""
