"""How fast a budget burns: spend in recent windows against what its period would spend there if it ended on its amount.

Spend follows office hours, so the amount is spread over the period by the hours of the week as they usually are. A rule
holds when a long and a short window burn too fast: the long one shows that it matters, the short one that it goes on
(multi-window, multi-burn-rate alerts, B. Beyer et al., The Site Reliability Workbook, 2018, chapter 5).
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final, Literal

from analyzers.budget.period import Period, day_start
from analyzers.budget.spend import RECENT, Span

Severity = Literal["page", "ticket"]
Profile = tuple[float, ...]
"""How much of a usual week is spent in each of its 168 local hours, Monday's first first; their mean is about 1."""

HOURS_OF_A_WEEK: Final = 168
FLAT: Final[Profile] = (1.0,) * HOURS_OF_A_WEEK
LEAST_AMOUNT: Final = Decimal(5)
"""A long window that cost less, in US dollars, fires no rule."""

_LEAST_WEEKS: Final = 2
_LEAST_WEIGHT: Final = 0.25
"""An hour counts as at least this share of the mean hour: a call in a quiet night is no fire."""
_HOUR: Final = timedelta(hours=1)
_STEP: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Rule:
    """Both windows burn more than `limit` times as fast as the budget allows.

    `where_it_leads`: it holds only while the period is expected to end above its amount, which it has not reached yet.
    """

    long: timedelta
    short: timedelta
    limit: float
    severity: Severity
    name: str
    where_it_leads: bool = False


RULES: Final = (
    Rule(timedelta(hours=1), timedelta(minutes=5), 14.4, "page", "1h"),
    Rule(timedelta(hours=6), timedelta(minutes=30), 6.0, "page", "6h"),
    Rule(timedelta(hours=24), timedelta(hours=2), 3.0, "ticket", "24h"),
    # Alone, it would hold in nearly every month that ends a little below its budget: docs/finance-simulation.md.
    Rule(timedelta(hours=72), timedelta(hours=6), 1.0, "ticket", "72h", where_it_leads=True),
)


@dataclass(frozen=True, slots=True)
class Burn:
    """How a rule stands: `spent` in its long window, and the burn rates; 1 is what the budget allows.

    `leads_above` says that the period is expected to end above its amount, which it has not reached yet.
    """

    rule: Rule
    spent: Decimal
    long_rate: float
    short_rate: float
    leads_above: bool

    @property
    def rate(self) -> float:
        """What both windows burn at least."""
        return min(self.long_rate, self.short_rate)

    @property
    def fires(self) -> bool:
        """Whether the rule holds."""
        leads = self.leads_above or not self.rule.where_it_leads
        return leads and self.rate > self.rule.limit and self.spent >= LEAST_AMOUNT


def burns(
    amount: Decimal,
    period: Period,
    spans: Sequence[Span],
    profile: Profile,
    instant: datetime,
    zone: tzinfo,
    *,
    leads_above: bool,
) -> tuple[Burn, ...]:
    """Each rule at `instant` whose long window is at most half the period: a day is too short for that of 24 hours.

    A window may begin before the period; its spend is held against this period's amount. One that is longer than spend
    is known by the minute begins with a whole hour. `leads_above`: see `Burn`.
    """
    whole = _weight(profile, period.start, period.end, _HOUR, zone)

    def spent(window: timedelta) -> Decimal:
        return sum((span.cost for span in spans if span.start >= _begin(window, instant)), Decimal(0))

    def rate(window: timedelta) -> float:
        expected = float(amount) * _weight(profile, _begin(window, instant), instant, _STEP, zone) / whole
        return float(spent(window)) / expected

    rules = (rule for rule in RULES if 2 * rule.long <= period.end - period.start)
    return tuple(Burn(rule, spent(rule.long), rate(rule.long), rate(rule.short), leads_above) for rule in rules)


def verdict(found: Sequence[Burn]) -> Severity | None:
    """The gravest severity among the rules that hold."""
    severities = {burn.rule.severity for burn in found if burn.fires}
    return "page" if "page" in severities else "ticket" if severities else None


def weekly_profile(spans: Sequence[Span], period: Period, zone: tzinfo) -> Profile:
    """From the complete weeks before today since the first spend: the median of each hour of the week over them.

    Flat with less than two weeks, and when no hour has a usual spend.
    """
    today = period.remaining[0]
    first = next((span.start.astimezone(zone).date() for span in spans if span.cost > 0), today)
    weeks = (today - first).days // 7
    if weeks < _LEAST_WEEKS:
        return FLAT
    since, until = day_start(today - timedelta(weeks=weeks), zone), day_start(today, zone)
    totals: dict[tuple[int, int], float] = defaultdict(float)
    for span in spans:
        if since <= span.start < until:
            local = span.start.astimezone(zone)
            totals[_hour_of_week(local), (today - local.date()).days] += float(span.cost)
    by_hour: list[list[float]] = [[] for _ in range(HOURS_OF_A_WEEK)]
    for (hour, _), cost in totals.items():
        by_hour[hour].append(cost)
    usual = [statistics.median(costs + [0.0] * (weeks - len(costs))) for costs in by_hour]
    mean = statistics.fmean(usual)
    return tuple(max(cost / mean, _LEAST_WEIGHT) for cost in usual) if mean else FLAT


def _begin(window: timedelta, instant: datetime) -> datetime:
    begin = instant - window
    return begin.replace(minute=0, second=0, microsecond=0) if window > RECENT else begin


def _weight(profile: Profile, start: datetime, end: datetime, step: timedelta, zone: tzinfo) -> float:
    hours = (_hour_of_week((start + number * step).astimezone(zone)) for number in range((end - start) // step))
    return sum(profile[hour] for hour in hours) * (step / _HOUR)


def _hour_of_week(local: datetime) -> int:
    return local.weekday() * 24 + local.hour
