"""Calendar periods of a zone, over changes of its clocks and ends of its months."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.budget.period import days_between, ends_within, period_at

ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kolkata"),
    *("America/Santiago", "Africa/Cairo", "America/Havana"),
)
KINDS = ("day", "week", "month", "quarter")
HOUR, INSTANT = timedelta(hours=1), timedelta(microseconds=1)
instants = st.integers(0, 35 * 365 * 86_400).map(lambda s: datetime(2005, 1, 1, tzinfo=timezone.utc) + timedelta(0, s))
zones = st.sampled_from(ZONES).map(ZoneInfo)


def utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=timezone.utc)


@given(st.sampled_from(KINDS), instants, zones)
def test_every_instant_is_in_its_period_and_periods_join(kind: str, instant: datetime, zone: ZoneInfo) -> None:
    period = period_at(kind, instant, zone)
    assert period.start <= instant < period.end
    assert period_at(kind, period.start, zone).start == period.start
    assert period_at(kind, period.end - INSTANT, zone).end == period.end
    assert period_at(kind, period.end, zone).start == period.end
    assert period_at(kind, period.start - INSTANT, zone).end == period.start


@given(st.sampled_from(KINDS), instants, zones)
def test_its_days_are_the_dates_that_clocks_show_in_it(kind: str, instant: datetime, zone: ZoneInfo) -> None:
    period = period_at(kind, instant, zone)
    hours = (period.end - period.start) // HOUR
    shown = {(period.start + n * HOUR).astimezone(zone).date() for n in range(hours)}
    assert [*period.elapsed, *period.remaining] == sorted(shown)
    assert period.remaining[0] == instant.astimezone(zone).date()


@given(instants, zones)
def test_a_month_begins_on_its_first_and_ends_before_the_next(instant: datetime, zone: ZoneInfo) -> None:
    period = period_at("month", instant, zone)
    first, last = period.start.astimezone(zone), (period.end - INSTANT).astimezone(zone)
    assert first.day == 1
    assert (last + timedelta(days=1)).day == 1
    assert (first.year, first.month) == (last.year, last.month)


@pytest.mark.parametrize(
    ("zone", "kind", "instant", "start", "end", "days"),
    [
        ("Europe/Berlin", "day", utc(2026, 3, 29, 12), utc(2026, 3, 28, 23), utc(2026, 3, 29, 22), 1),
        ("Europe/Berlin", "day", utc(2026, 10, 25, 12), utc(2026, 10, 24, 22), utc(2026, 10, 25, 23), 1),
        ("Europe/Berlin", "month", utc(2026, 10, 31, 22, 59), utc(2026, 9, 30, 22), utc(2026, 10, 31, 23), 31),
        ("America/New_York", "month", utc(2026, 12, 1, 4, 59), utc(2026, 11, 1, 4), utc(2026, 12, 1, 5), 30),
        ("America/New_York", "week", utc(2026, 3, 9, 3), utc(2026, 3, 2, 5), utc(2026, 3, 9, 4), 7),
        ("America/New_York", "quarter", utc(2027, 1, 1), utc(2026, 10, 1, 4), utc(2027, 1, 1, 5), 92),
        ("Pacific/Apia", "month", utc(2011, 12, 15), utc(2011, 12, 1, 10), utc(2011, 12, 31, 10), 30),
        ("Pacific/Apia", "week", utc(2011, 12, 30, 12), utc(2011, 12, 26, 10), utc(2012, 1, 1, 10), 6),
        ("Asia/Kolkata", "month", utc(2028, 2, 10), utc(2028, 1, 31, 18, 30), utc(2028, 2, 29, 18, 30), 29),
    ],
)
def test_known_periods(zone: str, kind: str, instant: datetime, start: datetime, end: datetime, days: int) -> None:
    period = period_at(kind, instant, ZoneInfo(zone))
    assert (period.start, period.end) == (start, end)
    assert len(period.elapsed) + len(period.remaining) == days


def test_a_date_that_a_zone_skipped_is_no_day() -> None:
    days = days_between(date(2011, 12, 28), date(2012, 1, 2), ZoneInfo("Pacific/Apia"))
    assert days == [date(2011, 12, 28), date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)]


def test_ends_are_counted_in_the_days_before_them() -> None:
    days = days_between(date(2026, 9, 29), date(2026, 11, 2), ZoneInfo("UTC"))
    assert ends_within("month", days) == [2, 33]
    assert [days[end] for end in ends_within("week", days)] == [
        date(2026, 10, 5) + n * 7 * timedelta(1) for n in range(4)
    ]
