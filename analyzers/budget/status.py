"""How budgets stand at an instant: what is spent, how fast, and where that leads. Spending was read before."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Final, Literal

from analyzers.budget.burn import Burn, Severity, burns, verdict, weekly_profile
from analyzers.budget.config import Budget
from analyzers.budget.period import Period, days_between, ends_within, period_at
from analyzers.budget.spend import Span, Spending, first_day
from analyzers.forecast import Forecast, log_ratios, period_end

Outlook = Literal["within", "may be exceeded", "will be exceeded"]
State = Literal["broken", "exceeded", "will be exceeded", "may be exceeded", "within"]
STATES: Final = ("within", "may be exceeded", "will be exceeded", "exceeded")
"""The states of a budget that is not broken, the best first."""

LIKELY: Final = 0.6
"""With a probability of 80 % the end is above the low end of this band: the remaining 40 % lie evenly on both sides."""
_MOST_ENDS: Final = 13
"""How many earlier periods of a budget its forecasts are judged by."""


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """How one budget stands in the period that holds the instant.

    `actual` is the known cost of the period's calls so far, exactly; `attempts` and `priced` say how much is known.
    `forecast` is of the period's end, with the band that holds it with a probability of 80 %; None before the first
    complete day with spend. `never_seen` says so when no call ever fitted the filters, `incomplete` when calls of the
    period are no longer there to be counted.
    """

    name: str
    period: Period
    amount: Decimal
    actual: Decimal
    attempts: int
    priced: int
    burns: tuple[Burn, ...]
    forecast: Forecast | None
    forecast_exceeds: Outlook
    thresholds_reached: tuple[Decimal, ...]
    never_seen: str
    incomplete: str

    @property
    def is_known(self) -> bool:
        """Whether `actual` says anything: something that it counts has a known cost, or there is nothing to count."""
        return not self.never_seen and bool(self.priced or not self.attempts or self.actual)

    @property
    def used_share(self) -> float:
        """The share of the amount that is spent; more than 1 when it is exceeded."""
        return float(self.actual / self.amount)

    @property
    def priced_share(self) -> float | None:
        """The share of attempts whose cost is known; None without attempts."""
        return self.priced / self.attempts if self.attempts else None

    @property
    def caveat(self) -> str:
        """What a reader of the amounts must know besides them; empty when there is nothing."""
        said = [one for one in (self.never_seen, self.incomplete) if one]
        if unpriced := self.attempts - self.priced:
            said.append(f"the cost of {unpriced:,} of {self.attempts:,} attempts is unknown, it may be more than this")
        return "; ".join(said)

    @property
    def verdict(self) -> Severity | None:
        """The gravest severity among the burn rules that hold."""
        return verdict(self.burns)

    @property
    def state(self) -> State:
        """What to think of it; broken when the actual is not known, unless what is known of it exceeds the amount."""
        if self.actual > self.amount:
            return "exceeded"
        return "broken" if self.incomplete or not self.is_known else self.forecast_exceeds


def evaluate_all(
    budgets: Mapping[str, Budget], spending: Mapping[str, Spending], instant: datetime, zone: tzinfo
) -> list[BudgetStatus]:
    """Every budget at `instant`. How wrong forecasts are is learned from all budgets with as many days left."""
    remaining = {name: len(period_at(budget.period, instant, zone).remaining) for name, budget in budgets.items()}
    errors: dict[int, list[float]] = defaultdict(list)
    for name, budget in budgets.items():
        errors[remaining[name]] += forecast_errors(budget, spending[name].spans, instant, zone)
    return [
        evaluate(name, budget, spending[name], instant, zone, errors[remaining[name]])
        for name, budget in budgets.items()
    ]


def evaluate(
    name: str, budget: Budget, spending: Spending, instant: datetime, zone: tzinfo, errors: Sequence[float]
) -> BudgetStatus:
    """One budget at `instant`; `errors` are the `forecast_errors` of all budgets with as many remaining days."""
    period = period_at(budget.period, instant, zone)
    counted = [span for span in spending.spans if span.start >= period.start]
    actual = sum((span.cost for span in counted), Decimal(0))
    profile = weekly_profile(spending.spans, period, zone)
    forecast, outlook = _outlook(budget, period, spending.spans, actual, instant, zone, errors)
    leads_above = outlook != "within" and actual <= budget.amount
    return BudgetStatus(
        name=name,
        period=period,
        amount=budget.amount,
        actual=actual,
        attempts=sum(span.attempts for span in counted),
        priced=sum(span.priced for span in counted),
        burns=burns(budget.amount, period, spending.spans, profile, instant, zone, leads_above=leads_above),
        forecast=forecast,
        forecast_exceeds=outlook,
        thresholds_reached=tuple(share for share in budget.thresholds if actual >= share * budget.amount),
        never_seen=spending.never_seen,
        incomplete=spending.incomplete,
    )


def forecast_errors(budget: Budget, spans: Sequence[Span], instant: datetime, zone: tzinfo) -> list[float]:
    """How far earlier periods of the budget ended from what was forecast with as many days left, as `log_ratios`."""
    period = period_at(budget.period, instant, zone)
    days, history = _history(period, spans, instant, zone)
    ends = ends_within(budget.period, [*days, period.remaining[0]])
    return log_ratios(history, len(period.remaining), ends[-_MOST_ENDS:])


def _outlook(
    budget: Budget,
    period: Period,
    spans: Sequence[Span],
    actual: Decimal,
    instant: datetime,
    zone: tzinfo,
    errors: Sequence[float],
) -> tuple[Forecast | None, Outlook]:
    days, history = _history(period, spans, instant, zone)
    if not any(history):
        return None, "within"
    complete = math.fsum(cost for day, cost in zip(days, history, strict=True) if day in period.elapsed)
    remaining = len(period.remaining)
    forecast = _at_least(actual, period_end(complete, history, remaining, errors))
    likely = _at_least(actual, period_end(complete, history, remaining, errors, LIKELY))
    if likely.low > budget.amount:
        return forecast, "will be exceeded"
    return forecast, "may be exceeded" if forecast.expected > budget.amount else "within"


def _history(period: Period, spans: Sequence[Span], instant: datetime, zone: tzinfo) -> tuple[list[date], list[float]]:
    """The complete days before today, of the history and of the period, and what each cost; credits alone are 0."""
    today = period.remaining[0]
    totals: dict[date, Decimal] = defaultdict(Decimal)
    for span in spans:
        totals[span.start.astimezone(zone).date()] += span.cost
    days = days_between(first_day(period, instant, zone), today, zone)
    return days, [max(float(totals[day]), 0.0) for day in days]


def _at_least(actual: Decimal, forecast: Forecast) -> Forecast:
    """Today may have cost more already than was forecast for it."""
    spent = float(actual)
    return Forecast(max(spent, forecast.expected), max(spent, forecast.low), max(spent, forecast.high), forecast.method)
