"""Pricing calls of the past again with what the price book says now: a new cost version, and what it changed.

The old cost stays known: every cost version can be asked for what any call cost under it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from collector.allocation.capacity import CapacityConfig
from collector.allocation.hours import allocate_capacity
from collector.books import closed_months, correct
from collector.price_book.book import PriceBook
from collector.price_book.effective import CostVersion
from collector.price_book.resolve import Resolver
from collector.repricing.costs import Change, Costs, changes, recorded, replaced, under_version
from collector.repricing.names import Payer, Renamed, added_up, find_renamed, payers, rename
from collector.repricing.rehearsal import rehearse
from collector.rollup import roll_up_what_is_left
from store.connection import Store
from store.retention import kept_since
from store.sql import load

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


class Repriced(NamedTuple):
    """The number of the cost version, every change by month, team and model, and what is understood otherwise.

    `closed_months` are those of the changes whose books are closed. `corrections` is how many entries were booked to
    correct closed months; None where it was only tried, because it is known only when they are booked.
    """

    cost_version: int
    changes: list[Change]
    renamed: list[Renamed]
    closed_months: list[date]
    corrections: int | None = None


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
    With `dry_run` only say what would change. Raises ValueError for a span that cannot be priced again, and where
    prices were changed by someone else meanwhile; StoreError.
    """
    _check(store, start, end, now)
    resources = capacity or {}
    book = PriceBook(store)
    known = book.versions()
    version = _prepared(book, known, start, end)
    roll_up_what_is_left(store, timedelta())
    before = recorded(store, start, end)
    found = [(payer, one) for payer in payers(resources, start, end) for one in find_renamed(store, resolver, payer)]
    renamed = added_up(one for _, one in found)
    if dry_run:
        changed = changes(before, _tried(store, version, found, resources, now))
        return Repriced(version.number, changed, renamed, _closed(store, changed))
    for payer, one in found:
        rename(store, payer, one)
    # Without that such calls would cost nothing, in closed months too, until a collector has done it.
    for label, resource in resources.items():
        allocate_capacity(store, label, resource, now, version.number)
    changed = changes(before, _under(store, version))
    if book.versions() != known:  # what they say of other calls is not in the prices of this one
        raise ValueError("prices were changed by someone else meanwhile: price the calls again")
    book.enact(version, "reprice", reason, now)
    columns = ["cost_version", *Change._fields, "reason", "created_at"]
    store.insert("cost_changes", columns, [(version.number, *change, reason, now) for change in changed])
    for day, next_day in _pieces(store, start, end):
        _rewrite(store, version.number, day, next_day)
    booked = correct(store, reason, now).correction_entries
    return Repriced(version.number, changed, renamed, _closed(store, changed), booked)


def _closed(store: Store, changed: Sequence[Change]) -> list[date]:
    """The closed months in which costs change."""
    concerned = {change.month for change in changed}
    return [month for month in closed_months(store) if month in concerned]


def _prepared(book: PriceBook, known: Sequence[CostVersion], start: datetime, end: datetime) -> CostVersion:
    """The cost version after those `known`, with its prices: it counts only when it is enacted."""
    if not known:
        raise ValueError("there is no price book yet: start tokentide once, or run tokentide migrate")
    version = book.reserve(book.newest_update(), start, end)
    book.prepare([*known, version])
    return version


def _tried(
    store: Store,
    version: CostVersion,
    found: Sequence[tuple[Payer, Renamed]],
    capacity: Mapping[str, CapacityConfig],
    now: datetime,
) -> Costs:
    """What calls would cost under `version`, which is gone afterwards."""
    try:
        costs = _under(store, version)
        if found or capacity:
            costs = replaced(costs, *rehearse(store, version, found, capacity, now))
        return costs
    finally:
        store.execute(load("collector.repricing", "drop_cost_version"), {"version": version.number})


def _under(store: Store, version: CostVersion) -> Costs:
    """What calls cost under `version`, after minutes that it prices otherwise within a row were rolled up again."""
    span = {"start": version.calls_from, "end": version.calls_to, "version": version.number}
    store.execute(load("collector.repricing", "touch_mixed_minutes"), span)
    roll_up_what_is_left(store, timedelta())
    return under_version(store, version.number, version.calls_from, version.calls_to)


def _rewrite(store: Store, version: int, start: datetime, end: datetime) -> None:
    """Give the roll-ups of a span their new costs; of several versions of a row the newest is the one that counts."""
    span: dict[str, Any] = {"start": start, "end": end}
    store.execute(load("collector.repricing", "reprice_minutes"), span | {"version": version})
    written = store.query(load("collector.repricing", "next_version_between"), span).scalar()
    store.execute(load("collector.repricing", "reprice_hours"), span | {"written": written})


def _pieces(store: Store, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The span day by day, so that memory is bounded; days without calls are left out."""
    days = [
        day for (day,) in store.query(load("collector.repricing", "rolled_up_days"), {"start": start, "end": end}).rows
    ]
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
