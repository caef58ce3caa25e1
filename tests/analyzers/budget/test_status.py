"""How a budget stands: exact spend, burn rates against the usual week, the forecast, and what is concluded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st

from analyzers.budget.burn import FLAT, weekly_profile
from analyzers.budget.config import Budget
from analyzers.budget.period import period_at
from analyzers.budget.spend import Span, Spending
from analyzers.budget.status import BudgetStatus, evaluate, evaluate_all, forecast_errors

BERLIN, UTC = ZoneInfo("Europe/Berlin"), timezone.utc
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MONTH = Budget(amount=Decimal(3000), period="month")


def spans(instant: datetime, hourly: Callable[[datetime], float], weeks: int = 13) -> list[Span]:
    """What is read at `instant` when each hour costs `hourly` of its local time, spread over its minutes."""
    recent = (instant - 24 * HOUR).replace(minute=0, second=0, microsecond=0)
    hours = int((recent - instant + weeks * 7 * 24 * HOUR) / HOUR)
    starts = [recent - n * HOUR for n in range(hours, 0, -1)]
    found = [Span(at, Decimal(str(hourly(at))), 1, 1) for at in starts]
    minutes = [recent + n * MINUTE for n in range(int((instant - recent) / MINUTE))]
    return found + [Span(at, Decimal(str(hourly(at))) / 60, 1, 1) for at in minutes]


def office(at: datetime) -> float:
    """Ten dollars an hour from nine to five, Monday to Friday, in Berlin: about 1,680 a month."""
    local = at.astimezone(BERLIN)
    return 10.0 if local.weekday() < 5 and 9 <= local.hour < 17 else 0.0


def status(
    hourly: Callable[[datetime], float], instant: datetime = NOW, budget: Budget = MONTH, weeks: int = 13
) -> BudgetStatus:
    return evaluate("b", budget, Spending(tuple(spans(instant, hourly, weeks))), instant, BERLIN, [])


@given(st.lists(st.tuples(st.integers(0, 40 * 24), st.decimals(0, 1000, places=12)), max_size=30))
def test_the_actual_is_the_exact_sum_of_the_period(costs: list[tuple[int, Decimal]]) -> None:
    found = tuple(Span(NOW - hours * HOUR, cost, 2, 1) for hours, cost in sorted(costs, reverse=True))
    one = evaluate("b", MONTH, Spending(found), NOW, UTC, [])
    inside = [span for span in found if span.start >= datetime(2026, 11, 1, tzinfo=UTC)]
    assert one.actual == sum((span.cost for span in inside), Decimal(0))
    assert (one.attempts, one.priced) == (2 * len(inside), len(inside))
    assert one.priced_share == (0.5 if inside else None)
    assert one.thresholds_reached == tuple(t for t in MONTH.thresholds if one.actual >= t * 3000)


@pytest.mark.parametrize("hour", range(6, 18))
def test_no_ordinary_hour_of_an_office_day_fires(hour: int) -> None:
    instant = datetime(2026, 11, 16, hour, 20, tzinfo=UTC)
    one = status(office, instant, Budget(amount=Decimal(1680), period="month"))
    assert one.verdict is None
    assert all(burn.rate < 2 for burn in one.burns)


def test_in_office_hours_the_flat_rate_would_be_far_above_one() -> None:
    instant = datetime(2026, 11, 16, 15, 20, tzinfo=UTC)
    budget = Budget(amount=Decimal(1680), period="month")
    usual, flat = status(office, instant, budget), status(office, instant, budget, weeks=1)
    assert 0.8 < usual.burns[0].rate < 1.3
    assert flat.burns[0].rate > 4


def test_a_fast_burn_pages() -> None:
    one = status(lambda at: 50 * office(at) if at >= NOW - HOUR else office(at))
    assert one.burns[0].fires
    assert one.verdict == "page"


def test_a_burn_that_is_over_pages_no_more() -> None:
    one = status(lambda at: 50 * office(at) if NOW - 40 * MINUTE <= at < NOW - 10 * MINUTE else office(at))
    assert one.burns[0].long_rate > 14.4 > one.burns[0].short_rate
    assert not one.burns[0].fires


def test_a_slow_burn_is_a_ticket() -> None:
    one = status(lambda at: 9 * office(at) if at >= NOW - 24 * HOUR else office(at))
    assert one.verdict == "ticket"


@pytest.mark.parametrize(
    ("amount", "fires"),
    [
        pytest.param(2600, True, id="expected to end above it"),
        pytest.param(3600, False, id="expected to end below it"),
        pytest.param(1500, False, id="spent already"),
    ],
)
def test_a_burn_of_three_days_counts_where_it_leads_above_the_amount(amount: int, fires: bool) -> None:
    """Four dollars an hour, and a quarter more on the last three days: their burn alone is above one each time."""
    one = status(
        lambda at: 5.5 if at >= NOW - 72 * HOUR else 4.0, budget=Budget(amount=Decimal(amount), period="month")
    )
    *faster, slow = one.burns
    assert slow.rule.name == "72h"
    assert slow.rate > 1
    assert not any(burn.fires for burn in faster)
    assert slow.fires is fires
    assert one.verdict == ("ticket" if fires else None)


@pytest.mark.parametrize("minute", [0, 5, 30, 55])
def test_a_constant_spend_burns_alike_at_every_minute_of_the_hour(minute: int) -> None:
    for burn in status(lambda at: 4.2, NOW + minute * MINUTE).burns:
        assert burn.rate == pytest.approx(4.2 * 720 / 3000, rel=2e-3)


def test_small_change_fires_nothing() -> None:
    tiny = Budget(amount=Decimal("0.3"), period="month")
    one = status(lambda at: 0.05 * office(at) if at >= NOW - HOUR else 0.0001 * office(at), budget=tiny)
    assert one.burns[0].rate > 14.4
    assert one.verdict is None


def test_without_two_weeks_the_profile_is_flat() -> None:
    period = period_at("month", NOW, BERLIN)
    assert weekly_profile(spans(NOW, office, weeks=1), period, BERLIN) == FLAT
    assert weekly_profile([], period, BERLIN) == FLAT
    weights = weekly_profile(spans(NOW, office, weeks=4), period, BERLIN)
    assert weights[10] == pytest.approx(168 / 40)
    assert weights[3] == 0.25


def test_the_profile_is_of_local_hours_over_a_change_of_clocks() -> None:
    instant = datetime(2026, 11, 2, 12, tzinfo=UTC)
    weights = weekly_profile(spans(instant, office), period_at("month", instant, BERLIN), BERLIN)
    busy = {hour for hour, weight in enumerate(weights) if weight > 1}
    assert busy == {day * 24 + hour for day in range(5) for hour in range(9, 17)}


def test_one_wild_hour_of_the_past_changes_no_profile() -> None:
    def hourly(at: datetime) -> float:
        return 5000.0 if at == NOW - 10 * 24 * HOUR else office(at)

    period = period_at("month", NOW, BERLIN)
    assert weekly_profile(spans(NOW, hourly), period, BERLIN) == weekly_profile(spans(NOW, office), period, BERLIN)


def test_a_constant_spend_is_forecast_to_go_on() -> None:
    one = status(lambda at: 4.0)
    assert one.forecast is not None
    assert one.forecast.expected == pytest.approx(4 * 24 * 30, rel=0.02)
    assert one.forecast.low <= one.forecast.expected <= one.forecast.high
    assert one.state == "within"


@pytest.mark.parametrize(
    ("amount", "state"),
    [(3000, "within"), (2800, "may be exceeded"), (1900, "will be exceeded"), (1800, "exceeded")],
)
def test_the_state_follows_spend_and_forecast(amount: int, state: str) -> None:
    assert status(lambda at: 4.0, budget=Budget(amount=Decimal(amount), period="month")).state == state


def test_what_is_nearly_certain_is_said_so() -> None:
    budget = Budget(amount=Decimal(2500), period="month")
    read = Spending(tuple(spans(NOW, lambda at: 4.0)))
    sure = evaluate("b", budget, read, NOW, UTC, [0.01 * n for n in range(-15, 16)])
    unsure = evaluate("b", budget, read, NOW, UTC, [0.1 * n for n in range(-15, 16)])
    assert (sure.forecast_exceeds, unsure.forecast_exceeds) == ("will be exceeded", "may be exceeded")


def test_a_forecast_is_never_below_what_is_spent() -> None:
    day = Budget(amount=Decimal(100), period="day")
    one = status(lambda at: 50.0 if at >= NOW - 2 * HOUR else 1.0, budget=day)
    assert one.forecast is not None
    assert one.forecast.low >= float(one.actual)


def test_before_the_first_complete_day_there_is_no_forecast() -> None:
    one = evaluate("b", MONTH, Spending((Span(NOW - HOUR, Decimal(9), 1, 1),)), NOW, UTC, [])
    assert one.forecast is None
    assert one.state == "within"


def test_errors_are_pooled_over_budgets_with_as_many_days_left() -> None:
    read = Spending(tuple(spans(NOW, lambda at: 4.0 + at.day % 7)))
    budgets = dict.fromkeys("abcdefghijk", MONTH)
    alone = evaluate_all({"a": MONTH}, {"a": read}, NOW, UTC)[0]
    many = evaluate_all(budgets, dict.fromkeys(budgets, read), NOW, UTC)[0]
    assert len(forecast_errors(MONTH, read.spans, NOW, UTC)) == 2
    assert alone.forecast is not None
    assert many.forecast is not None
    assert many.forecast.high - many.forecast.low < alone.forecast.high - alone.forecast.low


def test_it_is_broken_when_nothing_of_it_has_a_price() -> None:
    unpriced = Spending((Span(NOW - HOUR, Decimal(0), 7, 0),))
    assert evaluate("b", MONTH, unpriced, NOW, UTC, []).state == "broken"
    assert evaluate("b", MONTH, Spending(()), NOW, UTC, []).state == "within"
    assert evaluate("b", MONTH, Spending((), "no such calls were ever seen"), NOW, UTC, []).state == "broken"


def test_what_is_known_counts_though_no_attempt_has_a_price() -> None:
    charged = Spending((Span(NOW - HOUR, MONTH.amount + 1, 7, 0),))
    found = evaluate("b", MONTH, charged, NOW, UTC, [])
    assert (found.state, found.is_known) == ("exceeded", True)
    assert not evaluate("b", MONTH, Spending((Span(NOW - HOUR, Decimal(0), 7, 0),)), NOW, UTC, []).is_known
