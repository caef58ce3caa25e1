"""Whose spend of the last complete day is out of the ordinary, and what made it so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from analyzers.analyzer import Measurement, Window
from analyzers.anomalies import LEAST_HISTORY, Assessment, Explanation, Groups, Usage, assess, explain
from analyzers.budget.config import BudgetsConfig
from analyzers.budget.period import day_start, days_between
from analyzers.spend_sentence import spend_sentence
from store.connection import Store
from store.sql import load

ALL_TEAMS: Final = "*"
"""The team of what all teams spent together."""

_HISTORY: Final = 91
"""Days before the one that is assessed."""
_WEEK: Final = 7
_USUAL: Final = 28
"""Days over which the usual priced coverage is taken."""
_DIMENSIONS: Final = ("team", "model", "app", "feature")
_HOUR: Final = 3600


class Day(NamedTuple):
    """What one day cost: `cost`, in US dollars, is the known part, of the `priced` attempts and of charges."""

    cost: float = 0.0
    attempts: int = 0
    priced: int = 0

    @property
    def is_busy(self) -> bool:
        """Whether there were calls, or a charge, which is a cost that is no call."""
        return bool(self.attempts or self.cost)

    @property
    def is_known(self) -> bool:
        """Whether the cost is that of some of the attempts, or there are none."""
        return bool(self.priced or not self.attempts)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days that are read, the oldest first; `starts` has their first instants and the end of the last one."""

    days: tuple[date, ...]
    starts: tuple[datetime, ...]

    @property
    def last(self) -> Window:
        """The day that is assessed."""
        return Window(self.starts[-2], self.starts[-1])

    @property
    def grain(self) -> int:
        """The seconds of the longest periods of which every day has whole ones."""
        return _HOUR if all(start.timestamp() % _HOUR == 0 for start in self.starts) else 60

    def until_last(self, days: int, ago: int = 0) -> tuple[datetime, datetime]:
        """From when to when so many days last whose last one is `ago` days before the one that is assessed."""
        end = len(self.starts) - 1 - ago
        return self.starts[end - days], self.starts[end]


class SpendAnalyzer:
    """Per team, and for all of them as `*`, how the spend of the last complete day compares with what was expected.

    `spend_usd` is what the day cost, `spend_priced_share` the share of its attempts whose cost is known. The more
    unusual of the day and the 7 days that end with it gives `spend_expected_usd`, `spend_ratio` (actual divided by
    expected) and `spend_score` (1 where alarms begin), whose note begins with "anomaly:" when it is one. These three
    are None below 49 days of history. A day is measured again every hour until the next one is over, so that calls
    that come late, or are priced again, count.
    """

    name: Final = "spend"
    every: Final = timedelta(hours=1)

    def __init__(self, config: BudgetsConfig) -> None:
        self._zone = config.zone()

    def analyze(self, store: Store, window: Window, now: datetime) -> list[Measurement]:
        """The teams with calls on the last day that was over at the window's end; that day is what they are about."""
        calendar = calendar_before(window.end, self._zone)
        teams = with_total(_read_days(store, calendar))
        return [
            one
            for team, days in teams.items()
            if days[-1].is_busy
            for one in _measure(store, calendar, team, since_first_call(days))
        ]


def calendar_before(instant: datetime, zone: tzinfo) -> Calendar:
    """The last day of the zone that is over at `instant`, and the days before it."""
    today = instant.astimezone(zone).date()
    days = days_between(today - timedelta(days=_HISTORY + 1), today, zone)
    return Calendar(tuple(days), tuple(day_start(day, zone) for day in [*days, today]))


def with_total(teams: Mapping[str, Sequence[Day]]) -> dict[str, Sequence[Day]]:
    """The days of each team, and of all together where there is more than one."""
    if len(teams) < 2:
        return dict(teams)
    total = [
        Day(math.fsum(one.cost for one in day), sum(one.attempts for one in day), sum(one.priced for one in day))
        for day in zip(*teams.values(), strict=True)
    ]
    return {**teams, ALL_TEAMS: total}


def since_first_call(days: Sequence[Day]) -> Sequence[Day]:
    """What is history: a day without calls cost 0, but not before there were any."""
    first = next((number for number, day in enumerate(days) if day.is_busy), len(days))
    return days[first:]


def priced_share(days: Sequence[Day]) -> float:
    """The share of the attempts whose cost is known; 1 without attempts."""
    attempts = sum(day.attempts for day in days)
    return sum(day.priced for day in days) / attempts if attempts else 1.0


def _read_days(store: Store, calendar: Calendar) -> dict[str, Sequence[Day]]:
    asked = {
        "starts": [int(start.timestamp()) for start in calendar.starts[:-1]],
        "grain": calendar.grain,
        "start": calendar.starts[0],
        "end": calendar.starts[-1],
    }
    teams: dict[str, list[Day]] = {}
    for team, number, *day in store.query(load("analyzers", "spend_days"), asked).rows:
        teams.setdefault(team, [Day()] * len(calendar.days))[number - 1] = Day(*day)
    return dict(teams)


def _measure(store: Store, calendar: Calendar, team: str, days: Sequence[Day]) -> list[Measurement]:
    last = days[-1]
    # A day on which credits were more than the spend counts as one without spend.
    costs = [max(day.cost, 0.0) for day in days]
    found = assess(costs[:-1], costs[-1]) if last.is_known else None
    values = {
        "spend_usd": last.cost if last.is_known else None,
        "spend_priced_share": priced_share([last]),
        "spend_expected_usd": found.expected if found else None,
        "spend_ratio": found.ratio if found else None,
        "spend_score": found.score if found else None,
    }
    said = _sentence(store, calendar, team, days, found) if found else _too_little(days)
    return [
        Measurement(
            metric=metric,
            labels={"team": team, "day": calendar.days[-1].isoformat()},
            window=calendar.last,
            value=value,
            samples=last.attempts,
            note=said if value is None or metric == "spend_score" else "",
        )
        for metric, value in values.items()
    ]


def _sentence(store: Store, calendar: Calendar, team: str, days: Sequence[Day], found: Assessment) -> str:
    span = 1 if found.rule == "day" else _WEEK
    return spend_sentence(
        "all teams" if team == ALL_TEAMS else team,
        calendar.days[-1],
        found,
        _explain(store, calendar, team, span) if found.is_anomaly else None,
        priced_share(days[-span:]),
        priced_share(days[-span - _USUAL : -span]),
    )


def _explain(store: Store, calendar: Calendar, team: str, span: int) -> Explanation:
    """Against the same days a week before."""
    before = _read_groups(store, calendar, team, *calendar.until_last(span, _WEEK))
    return explain(_DIMENSIONS, before, _read_groups(store, calendar, team, *calendar.until_last(span)))


def _read_groups(store: Store, calendar: Calendar, team: str, start: datetime, end: datetime) -> Groups:
    asked = {"team": team, "grain": calendar.grain, "start": start, "end": end}
    rows = store.query(load("analyzers", "spend_groups"), asked).rows
    return {tuple(row[: len(_DIMENSIONS)]): Usage(*row[len(_DIMENSIONS) :]) for row in rows}


def _too_little(days: Sequence[Day]) -> str:
    if not days[-1].is_known:
        return f"the cost of none of {days[-1].attempts} attempts is known"
    return f"not enough data: {len(days) - 1} of {LEAST_HISTORY} days before this one"
