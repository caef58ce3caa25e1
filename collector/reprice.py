"""Pricing calls of the past again with what the price book says now: a new cost version, and what it changed.

The old cost stays known: every cost version can be asked for what any call cost under it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from collector.allocation.capacity import CapacityConfig
from collector.allocation.hours import allocate_capacity
from collector.books import correct
from collector.price_book.book import PriceBook
from collector.price_book.resolve import Named, Resolver
from collector.rollup import RollUp
from store.connection import Store
from store.retention import kept_since
from store.sql import load

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


class Change(NamedTuple):
    """What becomes of one team's and model's calls of one month; costs are None when no call has a known one."""

    month: datetime
    team: str
    model: str
    attempts: int
    priced_before: int
    priced_after: int
    cost_before: Decimal | None
    cost_after: Decimal | None

    @property
    def changes(self) -> bool:
        """Whether anything differs."""
        return (self.priced_before, self.cost_before) != (self.priced_after, self.cost_after)


class Renamed(NamedTuple):
    """Calls whose names are understood otherwise than when they arrived, and the price key that they have or get."""

    named: Named
    calls: int
    price_key: int


class Repriced(NamedTuple):
    """The number of the cost version, every change by month, team and model, and what is understood otherwise.

    `corrections` is how many entries of closed months were corrected in the books because of it. Of a dry run the
    changes do not contain those of renamed calls.
    """

    cost_version: int
    changes: list[Change]
    renamed: list[Renamed]
    corrections: int = 0


def reprice(
    store: Store,
    resolver: Resolver,
    start: datetime,
    end: datetime,
    reason: str,
    now: datetime,
    dry_run: bool,
    capacity: Mapping[str, CapacityConfig] | None = None,
) -> Repriced:
    """Price the calls that started from `start` to `end`, whole hours, with all that the price book says now.

    Hours of `capacity` with calls whose names are understood otherwise are worked out again with that. Calls charged to
    capacity that is not declared for their time keep their names, because nobody works out their hours any more.
    With `dry_run` only say what would change. Raises ValueError for a span that cannot be priced again, StoreError.
    """
    _check(store, start, end, now)
    book = PriceBook(store)
    known = book.versions()
    if not known:
        raise ValueError("there is no price book yet: start tokentide once, or run tokentide migrate")
    newest = int(store.query(load("collector", "newest_price_update")).scalar())
    version = book.next_version(newest, start, end)
    book.prepare([*known, version])
    span = {"start": start, "end": end}
    work = RollUp(store)
    _roll_up(work)
    before = _costs(store, "recorded_costs", span)
    spans = _spans_of_payers(capacity or {}, start, end)
    found = [(one, named) for one in spans for named in _renamed(store, resolver, one)]
    renamed = _added_up(named for _, named in found)
    if not dry_run:
        for paid, named in found:
            _rename(store, named, paid)
        # Without that such calls would cost nothing, in closed months too, until a collector has done it.
        for label, resource in (capacity or {}).items():
            allocate_capacity(store, label, resource, now, version.number)
    of_version = span | {"version": version.number}
    store.execute(load("collector", "touch_mixed_minutes"), of_version)
    _roll_up(work)
    changes = _changes(before, _costs(store, "costs_under_version", of_version))
    if dry_run:
        store.execute(load("collector", "drop_cost_version"), {"version": version.number})
        return Repriced(version.number, changes, renamed)
    book.enact(version, "reprice", reason, now)
    columns = ["cost_version", *Change._fields, "reason", "created_at"]
    store.insert("cost_changes", columns, [(version.number, *change, reason, now) for change in changes])
    for first, after in _pieces(store, start, end):
        _rewrite(store, version.number, first, after)
    return Repriced(version.number, changes, renamed, correct(store, reason, now).correction_entries)


def _costs(store: Store, name: str, asked: Mapping[str, Any]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Attempts, how many of them are priced, and their cost, by month, team and model."""
    return {row[:3]: row[3:] for row in store.query(load("collector", name), asked).rows}


def _changes(before: Mapping[Any, tuple[Any, ...]], after: Mapping[Any, tuple[Any, ...]]) -> list[Change]:
    found = []
    for month, team, model in sorted(before.keys() | after.keys()):
        _, priced_before, cost_before = before.get((month, team, model), (0, 0, None))
        attempts, priced_after, cost_after = after.get((month, team, model), (0, 0, None))
        found.append(Change(month, team, model, attempts, priced_before, priced_after, cost_before, cost_after))
    return [change for change in found if change.changes]


def _roll_up(work: RollUp) -> None:
    """Roll up what was touched since it was."""
    work.recover(overlap=timedelta())
    while work.rebuild():
        pass


def _spans_of_payers(capacity: Mapping[str, CapacityConfig], start: datetime, end: datetime) -> list[dict[str, Any]]:
    """The parts of a span whose calls can get other names: those paid by the token, and those of declared capacity."""
    spans = [("", (start, end)), *((label, resource.paid(start, end)) for label, resource in capacity.items())]
    return [{"capacity": label, "start": first, "end": after} for label, (first, after) in spans if first < after]


def _renamed(store: Store, resolver: Resolver, span: Mapping[str, Any]) -> list[Renamed]:
    found = []
    for *names, key, calls in store.query(load("collector", "names_of_calls"), span).rows:
        named = Named(*names)
        if (understood := resolver.key(*named)) != key:
            found.append(Renamed(named, calls, understood))
    return found


def _added_up(renamed: Iterable[Renamed]) -> list[Renamed]:
    """One of each name, whoever pays its calls, the most used first."""
    calls: Counter[tuple[Named, int]] = Counter()
    for one in renamed:
        calls[one.named, one.price_key] += one.calls
    return [Renamed(named, count, key) for (named, key), count in calls.most_common()]


def _rename(store: Store, renamed: Renamed, span: Mapping[str, Any]) -> None:
    """Give calls the price key that they get; what is to be rolled up and allocated again is noted first."""
    asked = {**span, **renamed.named._asdict(), "price_key": renamed.price_key}
    for name in ("touch_named_calls", "reallocate_named_calls", "rename_calls"):
        store.execute(load("collector", name), asked)


def _rewrite(store: Store, version: int, start: datetime, end: datetime) -> None:
    """Give the roll-ups of a span their new costs; of several versions of a row the newest is the one that counts."""
    span: dict[str, Any] = {"start": start, "end": end}
    store.execute(load("collector", "reprice_minutes"), span | {"version": version})
    written = store.query(load("collector", "next_version_between"), span).scalar()
    store.execute(load("collector", "reprice_hours"), span | {"written": written})


def _pieces(store: Store, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The span day by day, so that memory is bounded; days without calls are left out."""
    days = [day for (day,) in store.query(load("collector", "rolled_up_days"), {"start": start, "end": end}).rows]
    return [(max(start, day), min(day + _DAY, end)) for day in days]


def _check(store: Store, start: datetime, end: datetime, now: datetime) -> None:
    if start >= end:
        raise ValueError("--from must be before --to")
    for edge in (start, end):
        if (edge - edge.replace(minute=0, second=0, microsecond=0)) != timedelta():
            raise ValueError(f"{edge.isoformat()} is not a whole hour: costs are changed by the hour")
    if end > now + _HOUR:
        raise ValueError("--to is in the future: new prices hold for new calls by themselves")
    since = kept_since(store)
    if start < since:
        raise ValueError(f"calls before {since:%Y-%m-%d %H:%M} are no longer kept: begin later")
