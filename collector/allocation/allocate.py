"""The work of every few minutes: ended hours of capacity and ended days of shared costs → prices and charges.

It may be done again, by this or another collector, with the same result: what is written last says that it is done.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any, Final

from collector.allocation.capacity import CapacityConfig
from collector.allocation.charges import SHARED, Charge, roll_up, write
from collector.allocation.hours import LOOKS_BACK, allocate_capacity, take_back_capacity
from collector.allocation.shared import SharedCostConfig, daily, split
from store.connection import Store
from store.errors import QueryError, StoreError
from store.retention import kept_since
from store.sql import load

log = logging.getLogger(__name__)

_DAY: Final = timedelta(days=1)
ENDED_DAYS_SETTLE: Final = timedelta(hours=1)
"""So long after a day has ended its shared costs are charged; its capacity is worked out before."""
_EVERY_S: Final = 300.0


def run(
    store: Store,
    resources: Mapping[str, CapacityConfig],
    shared: Mapping[str, SharedCostConfig],
    stop: threading.Event,
    clock: Callable[[], datetime],
) -> None:
    """Allocate what has ended, every five minutes until `stop` is set."""
    while True:
        try:
            allocate(store, resources, shared, clock())
        except StoreError as error:
            log.warning("costs are allocated again in %.0f s: %s", _EVERY_S, error.plain)
        if stop.wait(_EVERY_S):
            return


def allocate(
    store: Store,
    resources: Mapping[str, CapacityConfig],
    shared: Mapping[str, SharedCostConfig],
    now: datetime,
    since: datetime | None = None,
) -> None:
    """Allocate what has ended: of shared costs the days of the last two months, or those from `since` on.

    What was charged for days of that time that are not paid any more is taken back. Where the store refuses what one
    resource or shared cost needs, the others are allocated all the same. Raises StoreError, after that.
    """
    # Of all resources first: where one follows another, the calls that the first gives back are the other's.
    steps = [partial(take_back_capacity, store, *one, now, since, resources) for one in resources.items()]
    steps += [partial(allocate_capacity, store, *one, now) for one in resources.items()]
    steps += [partial(allocate_shared, store, *one, now, since) for one in shared.items()]
    refused = []
    for step in steps:
        try:
            step()
        except QueryError as error:
            refused.append(error)
    if refused:
        raise refused[0]


def allocate_shared(
    store: Store, label: str, shared: SharedCostConfig, now: datetime, since: datetime | None = None
) -> int:
    """Charge every ended day of the last two months, or from `since` on, whose shares are not right; returns how many.

    A day that is not paid is charged to nobody. Raises StoreError.
    """
    start = _next_day(max(kept_since(store), since or now - LOOKS_BACK))
    end = _midnight((now - ENDED_DAYS_SETTLE).date())
    days = [start + index * _DAY for index in range(max(0, (end - start) // _DAY))]
    if not days:
        return 0
    charged = _by_day(store, "shared_charged", {"label": label, "days": days})
    paid = [day for day in days if shared.is_paid(day.date())]
    drivers = _drivers(store, shared, paid) if paid else {}
    changed = []
    for day in days:
        wanted = split(daily(shared.monthly, day.date()), drivers.get(day, {})) if day in paid else {}
        known = charged.get(day, {})
        for team in wanted.keys() | known.keys():
            if known.get(team) != wanted.get(team, Decimal(0)):
                changed.append(Charge(day, team, SHARED, label, wanted.get(team, Decimal(0))))
    write(store, changed, now)
    touched = {charge.at for charge in changed}
    roll_up(store, touched)
    return len(touched)


def _drivers(
    store: Store, shared: SharedCostConfig, days: Sequence[datetime]
) -> Mapping[datetime, Mapping[str, Decimal]]:
    if shared.driver == "shares":
        return dict.fromkeys(days, shared.shares)
    span = {"driver": shared.driver, "start": days[0], "end": days[-1] + _DAY}
    return _by_day(store, "shared_drivers", span)


def _by_day(store: Store, name: str, asked: Mapping[str, Any]) -> dict[datetime, dict[str, Decimal]]:
    found: dict[datetime, dict[str, Decimal]] = {}
    for day, team, amount in store.query(load("collector.allocation", name), asked).rows:
        found.setdefault(day, {})[team] = Decimal(amount)
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.utc)


def _next_day(at: datetime) -> datetime:
    return _midnight((at + _DAY - timedelta(microseconds=1)).date())
