"""Reading what the calls of a budget cost, and whether there ever were such calls."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from analyzers.budget_config import FILTERS, Budget
from analyzers.budget_period import Period, day_start, period_at
from store.connection import Store
from store.sql import load

HISTORY: Final = timedelta(weeks=13)
RECENT: Final = timedelta(hours=24)
"""For so long before the instant spend is known by the minute."""

_HOUR: Final = 3600


class Span(NamedTuple):
    """What calls cost in the time that begins at `start`: `cost` is the known part, of the `priced` attempts."""

    start: datetime
    cost: Decimal
    attempts: int
    priced: int


@dataclass(frozen=True, slots=True)
class Spending:
    """What the calls of a budget cost, the oldest first; `never_seen` says so when there never was such a call."""

    spans: tuple[Span, ...]
    never_seen: str = ""


def read_spending(store: Store, budget: Budget, instant: datetime, zone: tzinfo) -> Spending:
    """The spending before `instant`, over the history and the period that holds it. Raises StoreError."""
    patterns = {dimension: _like(pattern) for dimension, pattern in budget.filters().items()}
    period = period_at(budget.period, instant, zone)
    start = day_start(first_day(period, instant, zone), zone)
    recent = (instant - RECENT).replace(minute=0, second=0, microsecond=0)
    on_the_hour = all(_offset_s(one, zone) % _HOUR == 0 for one in (start, period.start, instant))
    grain = _HOUR if on_the_hour else 60
    asked = {**patterns, "start": start, "recent": recent, "end": instant, "grain": grain}
    rows = store.query(load("analyzers", "budget_spend"), asked).rows
    if rows:
        return Spending(tuple(Span(*row) for row in rows))
    counted, *names = store.query(load("analyzers", "budget_names"), patterns).rows[0]
    known = dict(zip(FILTERS, names, strict=True))
    return Spending((), "" if counted else never_seen(budget.filters(), known))


def first_day(period: Period, instant: datetime, zone: tzinfo) -> date:
    """The first day that is read: that of the history, or of the period if it is longer."""
    return min([(instant - HISTORY).astimezone(zone).date(), *period.elapsed[:1]])


def never_seen(filters: dict[str, str], known: dict[str, Sequence[str]]) -> str:
    """The sentence that no call fits the filters, with the nearest name where one of them fits no known name."""
    unknown = [
        f"no {dimension} {pattern}{_nearest(pattern, known[dimension])}"
        for dimension, pattern in filters.items()
        if pattern and not any(fnmatchcase(name, _glob(pattern)) for name in known[dimension])
    ]
    return ": ".join(["no such calls were ever seen", *([", ".join(unknown)] if unknown else [])])


def _nearest(pattern: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(pattern, sorted(names), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def _like(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%") if pattern else "%"


def _glob(pattern: str) -> str:
    """Only * is special in a pattern, but fnmatch knows more."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


def _offset_s(instant: datetime, zone: tzinfo) -> int:
    offset = instant.astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
