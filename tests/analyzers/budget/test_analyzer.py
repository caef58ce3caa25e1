"""Budgets over the real engine: what is read, what is measured, and thresholds that stay on record."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from collected_calls import collect
from conftest import NOW
from events import a_call
from tokentide.call import LLMCall

from analyzers.analyzer import Measurement, Window
from analyzers.budget.analyzer import BudgetAnalyzer
from analyzers.budget.config import Budget, BudgetsConfig
from analyzers.budget.latch import Reached, latch, reached
from analyzers.budget.spend import Spending, never_seen, read_spending
from analyzers.budget.status import evaluate
from collector.allocation.charges import SHARED, Charge, roll_up, write
from collector.price_book.book import PriceBook, Update
from collector.price_book.price_file import parse_price_file
from collector.price_book.resolve import Resolver
from collector.repricing.reprice import reprice
from store.connection import Store

UTC = timezone.utc
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WINDOW = Window(NOW - 5 * MINUTE, NOW)
A_CALL = Decimal("0.001013")


def costing(dollars: str, at: datetime, **more: Any) -> LLMCall:
    return a_call(started_at=at, provider_reported_cost=Decimal(dollars), **more)


def month(amount: str = "1", **more: Any) -> Budget:
    return Budget(amount=Decimal(amount), period="month", **more)


def actual(store: Store, budget: Budget, instant: datetime = NOW, zone: tzinfo = UTC) -> Decimal:
    return evaluate("b", budget, read_spending(store, budget, instant, zone), instant, zone, []).actual


def analyzed(store: Store, window: Window = WINDOW, **budgets: Any) -> list[Measurement]:
    return BudgetAnalyzer(BudgetsConfig.model_validate(budgets)).analyze(store, window, window.end)


def on_record(store: Store) -> list[tuple[str, Decimal, Decimal]]:
    return [(one.budget, one.threshold, one.actual) for one in reached(store, NOW)]


def test_the_actual_is_the_sum_of_the_calls_before_the_instant(store: Store) -> None:
    costs = ["0.000000000001", "1.5", "2.25", "4.000000000007", "8"]
    ago = [MINUTE, 30 * MINUTE, 23 * HOUR, 24 * HOUR + MINUTE, 19 * 24 * HOUR]
    collect(store, *(costing(cost, NOW - one) for cost, one in zip(costs, ago, strict=True)))
    collect(store, costing("100", NOW), costing("200", NOW - 20 * 24 * HOUR))
    assert actual(store, month()) == sum(map(Decimal, costs), Decimal(0))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, 31),
        ({"team": "search"}, 1),
        ({"team": "search*"}, 3),
        ({"team": "s%"}, 0),
        ({"team": "search_2"}, 0),
        ({"team": "unattributed"}, 4),
        ({"app": "shop", "provider": "anthropic"}, 8),
        ({"model": "gpt-5*", "environment": "prod"}, 16),
        ({"feature": "*"}, 31),
    ],
)
def test_only_calls_that_fit_every_filter_count(store: Store, filters: dict[str, str], expected: int) -> None:
    at = NOW - HOUR
    collect(
        store,
        costing("1", at),
        costing("2", at, team="search-2"),
        costing("4", at, team=""),
        costing("8", at, team="other", provider="anthropic", model_requested="claude-opus-4-5"),
        costing("16", at, team="other", environment="prod", app="desk"),
    )
    assert actual(store, month(**filters)) == expected


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Berlin", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 10, 31, 18, 30, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 10, 31, 18, 15, tzinfo=UTC)),
    ],
)
def test_a_month_begins_at_local_midnight_to_the_minute(store: Store, zone: str, first: datetime) -> None:
    collect(store, costing("1", first - MINUTE), costing("2", first), costing("4", NOW - HOUR))
    assert actual(store, month(), zone=ZoneInfo(zone)) == 6


def test_the_day_on_which_clocks_go_back_has_twenty_five_hours(store: Store) -> None:
    start = datetime(2026, 11, 1, 4, tzinfo=UTC)
    collect(store, *(costing("1", start + n * HOUR) for n in range(-1, 26)))
    day = Budget(amount=Decimal(1), period="day")
    assert actual(store, day, start + 25 * HOUR - MINUTE, ZoneInfo("America/New_York")) == 25


def test_a_team_that_never_called_is_named_with_the_nearest(store: Store) -> None:
    collect(store, a_call(started_at=NOW - HOUR), a_call(started_at=NOW - HOUR, team="support"))
    found = read_spending(store, month(team="serch"), NOW, UTC)
    assert found == Spending((), "no such calls were ever seen: no team serch (did you mean search?)")
    nobody = read_spending(store, month(team="support", provider="mistral"), NOW, UTC)
    assert nobody.never_seen == "no such calls were ever seen: no provider mistral"


def test_calls_before_the_history_were_seen(store: Store) -> None:
    collect(store, a_call(started_at=NOW - 29 * 24 * HOUR))
    later = NOW + 100 * 24 * HOUR
    assert read_spending(store, month(team="search"), later, UTC) == Spending(())
    assert read_spending(store, month(team="x"), later, UTC).never_seen


def test_filters_that_only_together_fit_nothing_are_said_too() -> None:
    known = ["a[1]", "b"]
    assert never_seen([("team", "a*", known), ("app", "b", known)]) == "no such calls were ever seen"
    assert never_seen([("team", "a[1]", known), ("app", "", known)]) == "no such calls were ever seen"


def test_what_is_measured(store: Store) -> None:
    collect(store, *(costing("10", NOW - n * 24 * HOUR - MINUTE) for n in range(10)))
    collect(store, a_call(started_at=NOW - MINUTE, model_requested="nobody-knows"))
    found = {one.metric: one for one in analyzed(store, b={"amount": 400, "period": "month"})}
    used, forecast = found["budget_used_share"], found["budget_forecast_usd"]
    unknown = "the cost of 1 of 11 attempts is unknown, it may be more than this"
    assert (used.value, used.samples, used.note) == (0.25, 11, unknown)
    assert used.labels == {"budget": "b", "period": "month of 2026-11-01"}
    assert [found[f"budget_{name}"].value for name in ("amount_usd", "actual_usd", "priced_share")] == [
        400,
        100,
        10 / 11,
    ]
    assert (found["budget_state"].value, found["budget_state"].note) == (0, f"within: {unknown}")
    assert forecast.value == pytest.approx(90 + 10 * 11)
    assert forecast.low == pytest.approx(90 + 55)
    assert forecast.note == "mean of 7 days; an 80 % interval"
    assert found["budget_burn_rate_1h"].value == pytest.approx(10 / 400 * 720)
    assert found["budget_burn_rate_1h"].note == "page: $10.00 in 1h, more than 14.4 times as fast as it may"


def test_a_budget_without_a_known_cost_has_no_share(store: Store) -> None:
    collect(store, a_call(started_at=NOW - MINUTE, model_requested="nobody-knows"))
    found = {one.metric: one for one in analyzed(store, b={"amount": 400, "period": "month"})}
    assert found["budget_used_share"].value is found["budget_actual_usd"].value is None
    assert found["budget_state"].value is None
    assert found["budget_state"].note.startswith("broken: the cost of 1 of 1 attempts is unknown")
    assert found["budget_forecast_usd"].value is None
    assert found["budget_burn_rate_1h"].note == "less than $5 in the window"


def test_a_threshold_goes_on_record_once(store: Store) -> None:
    budget = {"amount": 10, "period": "month"}
    collect(store, costing("6", NOW - 4 * MINUTE))
    analyzed(store, b=budget)
    analyzed(store, b=budget)
    assert on_record(store) == [("b", Decimal("0.5"), Decimal(6))]
    collect(store, costing("6", NOW - 3 * MINUTE))
    analyzed(store, b=budget)
    analyzed(store, b=budget)
    assert on_record(store) == [("b", Decimal("0.5"), 6), ("b", Decimal("0.8"), 12), ("b", Decimal("1"), 12)]


def test_a_threshold_stays_on_record_when_re_pricing_lets_the_spend_sink(store: Store) -> None:
    budget = {"amount": "0.002", "period": "month"}
    collect(store, a_call(started_at=NOW - 2 * MINUTE))
    analyzed(store, b=budget)
    assert on_record(store) == [("b", Decimal("0.5"), A_CALL)]
    half = '[[price]]\nprovider = "openai"\nmodel = "*"\ncontext = "*"\ndiscount = 0.5\n'
    book = PriceBook(store)
    book.record(Update("contract", "ours.toml", "0" * 64, "ours", parse_price_file(half, "contract", "ours.toml")), NOW)
    reprice(store, Resolver(), NOW.replace(hour=0), NOW, "the contract", NOW, False)
    assert actual(store, month()) == A_CALL / 2
    analyzed(store, b=budget)
    assert on_record(store) == [("b", Decimal("0.5"), A_CALL)]


def test_what_is_spent_in_the_last_minute_of_a_period_still_counts_for_it(store: Store) -> None:
    midnight = NOW.replace(hour=0)
    collect(store, costing("6", midnight - MINUTE / 2))
    analyzed(store, Window(midnight - 5 * MINUTE, midnight), b={"amount": 10, "period": "day"})
    assert [one.period_end for one in reached(store, midnight - MINUTE)] == [midnight]
    assert reached(store, NOW) == []


def test_a_budget_is_measured_as_long_as_its_period_has_calls(store: Store) -> None:
    collect(store, costing("6", NOW - 3 * HOUR))
    found = {one.metric: one for one in analyzed(store, b={"amount": 10, "period": "month"})}
    assert found["budget_used_share"].value == 0.6
    assert found["budget_burn_rate_1h"].value == 0
    assert on_record(store) == [("b", Decimal("0.5"), Decimal(6))]
    december = Window(datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC) + HOUR)
    assert analyzed(store, december, b={"amount": 10, "period": "month"}) == []


def test_a_budget_whose_calls_were_never_seen_is_measured_once_there_are_others(store: Store) -> None:
    budget = {"amount": 10, "period": "month", "team": "serch"}
    assert analyzed(store, b=budget) == []
    collect(store, costing("6", NOW - HOUR))
    found = {one.metric: one for one in analyzed(store, b=budget)}
    assert (found["budget_used_share"].value, found["budget_state"].value) == (None, None)
    assert found["budget_state"].note == "broken: no such calls were ever seen: no team serch (did you mean search?)"


def test_the_same_name_in_another_period_is_latched_anew(store: Store) -> None:
    read = Spending(read_spending(store, month(), NOW, UTC).spans)
    monthly = evaluate("b", month(thresholds=()), read, NOW, UTC, [])
    assert latch(store, [monthly], NOW) == []
    collect(store, costing("6", NOW - HOUR))
    for kind in ("month", "day"):
        budget = Budget(amount=Decimal(10), period=kind, thresholds=(Decimal("0.5"),))
        (new,) = latch(store, [evaluate("b", budget, read_spending(store, budget, NOW, UTC), NOW, UTC, [])], NOW)
        assert isinstance(new, Reached)
    assert len(reached(store, NOW)) == 2


def test_a_charge_alone_is_spent_in_full(store: Store) -> None:
    row = '{"hour":"2026-11-20 08:00:00","team":"idle","operation":"charge","attempts":0,"cost":6}'
    store.insert_json("call_hours", row.encode())
    store.insert_json("call_minutes", row.replace("hour", "minute").encode())
    found = {one.metric: one for one in analyzed(store, b={"amount": 10, "period": "month", "team": "idle"})}
    assert (found["budget_used_share"].value, found["budget_state"].note) == (0.6, "within")
    assert (found["budget_priced_share"].value, found["budget_priced_share"].note) == (None, "there are no attempts")


def test_a_day_of_credits_leaves_a_forecast(store: Store) -> None:
    collect(store, costing("7", NOW - 24 * HOUR), costing("1", NOW - MINUTE))
    write(store, [Charge(NOW - 48 * HOUR, "search", SHARED, "credit", Decimal(-3))], NOW)
    roll_up(store, [NOW - 48 * HOUR])
    found = {one.metric: one.value for one in analyzed(store, b={"amount": 10, "period": "month"})}
    assert found["budget_actual_usd"] == 5
    assert found["budget_forecast_usd"] is not None
