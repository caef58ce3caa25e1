"""What re-pricing would make of calls that get other names, and of hours of capacity: it is done to copies of them.

The copies are in a database of their own beside the store's, which has the store's tables and is dropped afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from collector.allocation.capacity import CapacityConfig
from collector.allocation.hours import allocate_capacity, due_hours, running_hours
from collector.price_book.book import PriceBook
from collector.price_book.effective import CostVersion
from collector.repricing.costs import Costs, added, under_version
from collector.repricing.names import Payer, Renamed, asked, rename
from store.connection import Store, open_store
from store.migrate import migrate
from store.retention import kept_since
from store.sql import load

_DAY: Final = timedelta(days=1)
# What a dry run that was killed has left is removed by the next one, if it can be no dry run at work.
_LEFT: Final = _DAY


def rehearse(
    store: Store,
    version: CostVersion,
    found: Sequence[tuple[Payer, Renamed]],
    capacity: Mapping[str, CapacityConfig],
    now: datetime,
) -> tuple[Costs, Costs]:
    """What the calls concerned cost under `version`, which is prepared: as they are, and as they would be.

    They are the calls `found`, and those of hours of `capacity` that would be worked out. Raises StoreError.
    """
    with _database(store, now) as copies:
        _copy(copies, "copy_prices", {"source": store.database, "version": version.number})
        for table in ("capacity_prices", "capacity_hours", "touched_minutes"):
            _copy(copies, "copy_table", {"source": store.database, "table": table})
        PriceBook(copies).enact(version, "rehearsal", "", now)
        copies.insert("removed_facts", ["before", "noted_at"], [(kept_since(store), now)])
        for payer, renamed in found:
            _copy(copies, "copy_named_calls", asked(payer, renamed) | {"source": store.database})
        for label, resource in capacity.items():
            _copy_hours(store, copies, label, resource, now, version.calls_to)
        before = _costs(copies, version)
        for payer, renamed in found:
            rename(copies, payer, renamed)
        for label, resource in capacity.items():
            allocate_capacity(copies, label, resource, now, version.number)
        return before, _costs(copies, version)


def _costs(copies: Store, version: CostVersion) -> Costs:
    """What the copies of the span of `version` cost under it, day by day, so that memory is bounded."""
    span = {"start": version.calls_from, "end": version.calls_to}
    costs: Costs = {}
    for (day,) in copies.query(load("collector.repricing", "days_of_calls"), span).rows:
        first, after = max(day, version.calls_from), min(day + _DAY, version.calls_to)
        costs = added(costs, under_version(copies, version.number, first, after, from_facts=True))
    return costs


@contextmanager
def _database(store: Store, now: datetime) -> Iterator[Store]:
    """A database beside that of `store` with the same tables, empty, while the block runs."""
    prefix = f"{store.database}_rehearsal_"
    before = {"prefix": prefix, "before": prefix + _digits(now - _LEFT)}
    for (left,) in store.query(load("collector.repricing", "left_rehearsals"), before).rows:
        _drop(store, left)
    name = prefix + _digits(now)
    copies = open_store(store.dsn, name)
    try:
        migrate(copies, now)
        yield copies
    finally:
        copies.close()
        _drop(store, name)


def _digits(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S%f}"


def _drop(store: Store, database: str) -> None:
    store.execute(load("store", "drop_database"), {"dropped": database})


def _copy(copies: Store, name: str, parameters: Mapping[str, object]) -> None:
    copies.execute(load("collector.repricing", name), parameters)


def _copy_hours(
    store: Store, copies: Store, label: str, resource: CapacityConfig, now: datetime, until: datetime
) -> None:
    """Copy all calls, and the idle charge, of the hours of a resource that are due or have calls which were copied.

    Those of hours until `until` that are still running are copied too: they get the price of the hour before.
    """
    named = copies.query(load("collector.repricing", "hours_of_capacity"), {"resource": label}).rows
    hours = {*due_hours(store, label, resource, now), *(hour for (hour,) in named)}
    if hours:
        served = {"resource": label, "hours": sorted({*hours, *running_hours(now, until)})} | resource.expressions()
        _copy(copies, "copy_hours", served | {"source": store.database})
