"""Reading what the calls of a budget cost, and whether there ever were such calls."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from analyzers.budget.config import FILTERS, Budget
from analyzers.budget.period import Period, day_start, period_at
from store.connection import Store
from store.retention import kept_since
from store.sql import load

HISTORY: Final = timedelta(weeks=13)
RECENT: Final = timedelta(hours=24)
"""For so long before the instant spend is known by the minute."""
NO_CALLS: Final = "no calls were ever seen"

_HOUR: Final = 3600


class Span(NamedTuple):
    """What calls cost in the time that begins at `start`: `cost` is the known part, of the `priced` attempts."""

    start: datetime
    cost: Decimal
    attempts: int
    priced: int


@dataclass(frozen=True, slots=True)
class Spending:
    """What the calls of a budget cost, the oldest first.

    `never_seen` says so when there never was such a call, `incomplete` when calls of the period are no longer kept.
    """

    spans: tuple[Span, ...]
    never_seen: str = ""
    incomplete: str = ""


def read_spending(store: Store, budget: Budget, instant: datetime, zone: tzinfo) -> Spending:
    """The spending before `instant`, over the history and the period that holds it. Raises StoreError.

    Roll-ups are read, but of a budget with attributes single calls, which may no longer be kept.
    """
    patterns = _patterns(budget)
    period = period_at(budget.period, instant, zone)
    start = day_start(first_day(period, instant, zone), zone)
    recent = (instant - RECENT).replace(minute=0, second=0, microsecond=0)
    on_the_hour = all(_offset_s(one, zone) % _HOUR == 0 for one in (start, period.start, instant))
    grain = _HOUR if on_the_hour else 60
    asked = {**patterns, "start": start, "recent": recent, "end": instant, "grain": grain}
    rows = store.query(load("analyzers.budget", "calls" if budget.attributes else "spend"), asked).rows
    spans = tuple(Span(*row) for row in rows)
    return Spending(
        spans,
        never_seen="" if spans else _never_seen(store, budget, patterns),
        incomplete=_incomplete(store, period) if budget.attributes else "",
    )


def _patterns(budget: Budget) -> dict[str, Any]:
    patterns: dict[str, Any] = {dimension: _like(pattern) for dimension, pattern in budget.filters().items()}
    if budget.attributes:
        patterns["names"] = list(budget.attributes)
        patterns["patterns"] = [_like(pattern) for pattern in budget.attributes.values()]
    return patterns


def _incomplete(store: Store, period: Period) -> str:
    since = kept_since(store)
    if since <= period.start:
        return ""
    return f"calls before {since:%Y-%m-%d %H:%M} UTC are no longer kept, it is more than this"


def _never_seen(store: Store, budget: Budget, patterns: Mapping[str, Any]) -> str:
    dimensions = {name: patterns[name] for name in FILTERS}
    counted, *names = store.query(load("analyzers.budget", "names"), dimensions).rows[0]
    if not any(names):
        return NO_CALLS
    wanted = [(name, pattern, known) for (name, pattern), known in zip(budget.filters().items(), names, strict=True)]
    if budget.attributes:
        counted, known, texts = store.query(load("analyzers.budget", "attributes"), patterns).rows[0]
        wanted += wanted_attributes(budget.attributes, known, texts)
    return "" if counted else never_seen(wanted)


def first_day(period: Period, instant: datetime, zone: tzinfo) -> date:
    """The first day that is read: that of the history, or of the period if it is longer."""
    return min([(instant - HISTORY).astimezone(zone).date(), *period.elapsed[:1]])


def wanted_attributes(
    attributes: Mapping[str, str], known: Sequence[str], texts: Sequence[tuple[str, str]]
) -> list[tuple[str, str, Sequence[str]]]:
    """The attributes in the form of `never_seen`, by what is known: their names, and texts with the name of each."""
    return [
        (f"attribute {name} =", pattern, [text for owner, text in texts if owner == name])
        if name in known
        else ("attribute", name, known)
        for name, pattern in attributes.items()
    ]


def never_seen(wanted: Iterable[tuple[str, str, Sequence[str]]]) -> str:
    """The sentence that no call fits, with the nearest name where a pattern fits none.

    `wanted` has what is asked for, its pattern and the known names.
    """
    unknown = [
        f"no {what} {pattern}{_nearest(pattern, names)}"
        for what, pattern, names in wanted
        if pattern and not any(fnmatchcase(name, _glob(pattern)) for name in names)
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
