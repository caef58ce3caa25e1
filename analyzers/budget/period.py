"""Calendar periods of a time zone: when they begin and end, and which local days they have.

A day lasts from its first instant to that of the next day, so it has 23 or 25 hours where clocks change. A date that a
zone skipped is no day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo

from analyzers.budget.config import PeriodKind

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """The instants from `start` up to, but not including, `end`, both in UTC, and its days as an instant sees them.

    `elapsed` are the complete days before the instant; `remaining` are the others, today first.
    """

    kind: PeriodKind
    start: datetime
    end: datetime
    elapsed: tuple[date, ...]
    remaining: tuple[date, ...]

    @property
    def first_day(self) -> date:
        """The local day with which it begins."""
        return [*self.elapsed, *self.remaining][0]

    @property
    def name(self) -> str:
        """As people say it: `month of 2026-11-01`."""
        return f"{self.kind} of {self.first_day}"


def period_at(kind: PeriodKind, instant: datetime, zone: tzinfo) -> Period:
    """The period of the zone's calendar that holds `instant`."""
    today = instant.astimezone(zone).date()
    first, following = _bounds(kind, today)
    return Period(
        kind,
        day_start(first, zone),
        day_start(following, zone),
        tuple(days_between(first, today, zone)),
        tuple(days_between(today, following, zone)),
    )


def day_start(day: date, zone: tzinfo) -> datetime:
    """The first instant of a day, in UTC; where clocks skip midnight, the instant at which they do."""
    return datetime.combine(day, time(), zone).astimezone(timezone.utc)


def days_between(first: date, end: date, zone: tzinfo) -> list[date]:
    """The days from `first` up to, but not including, `end` that the zone has not skipped."""
    days = (first + number * _DAY for number in range((end - first).days))
    return [day for day in days if day_start(day, zone) < day_start(day + _DAY, zone)]


def ends_within(kind: PeriodKind, days: Sequence[date]) -> list[int]:
    """How many of the `days` come before the end of each period that ends before the last one."""
    firsts = [_bounds(kind, day)[0] for day in days]
    return [number for number in range(1, len(days)) if firsts[number] != firsts[number - 1]]


def _bounds(kind: PeriodKind, day: date) -> tuple[date, date]:
    """The first day of the period that holds `day`, and of the next one."""
    if kind == "day":
        return day, day + _DAY
    if kind == "week":
        monday = day - day.weekday() * _DAY
        return monday, monday + 7 * _DAY
    months = 1 if kind == "month" else 3
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    following = first.month - 1 + months
    return first, date(first.year + following // 12, following % 12 + 1, 1)
