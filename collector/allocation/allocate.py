"""The work of every few minutes: ended hours of capacity and ended days of shared costs → prices and charges.

It may be done again, by this or another collector, with the same result: what is written last says that it is done.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from collector.allocation.capacity import CapacityConfig, Use, borne, utilization
from collector.allocation.charges import CAPACITY, IDLE_TEAM, SHARED, Charge, minutes_of, roll_up, write
from collector.allocation.shared import SharedCostConfig, daily, split
from collector.price_book.cells import TIERS_OF_A_SPAN
from store.connection import Store
from store.errors import StoreError
from store.retention import kept_since
from store.sql import load

log = logging.getLogger(__name__)

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
# Events of an hour may still be on their way when it ends; later ones make it be worked out again.
_SETTLES: Final = timedelta(minutes=10)
ENDED_DAYS_SETTLE: Final = _HOUR
"""So long after a day has ended its shared costs are charged; its capacity is worked out before."""
# What comes later than that changes nothing that was allocated.
_LOOKS_BACK: Final = timedelta(days=62)
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
            log.warning("costs are allocated again in %.0f s: %s", _EVERY_S, error)
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

    What was charged for days of that time that are not paid any more is taken back. Raises StoreError.
    """
    # Of all resources first: where one follows another, the calls that the first gives back are the other's.
    for label, resource in resources.items():
        take_back_capacity(store, label, resource, now, since)
    for label, resource in resources.items():
        allocate_capacity(store, label, resource, now)
    for label, cost in shared.items():
        allocate_shared(store, label, cost, now, since)


def take_back_capacity(
    store: Store, label: str, resource: CapacityConfig, now: datetime, since: datetime | None = None
) -> int:
    """Give back the calls and idle charges of a resource from before its first day and from its last on.

    Those are the hours of the last two months, or from `since` on; returns how many. Raises StoreError.
    """
    first, after = _next_hour(max(kept_since(store), since or now - _LOOKS_BACK)), _next_hour(now + _HOUR)
    outside = [(first, min(after, _midnight(resource.valid_from)))]
    if resource.valid_to:
        outside.append((max(first, _midnight(resource.valid_to)), after))
    return sum(_take_back(store, label, start, end, now) for start, end in outside if start < end)


def _take_back(store: Store, label: str, start: datetime, end: datetime, now: datetime) -> int:
    span = {"resource": label, "start": start, "end": end}
    hours = store.query(load("collector.allocation", "capacity_not_paid"), span).rows
    if hours:
        store.execute(load("collector.allocation", "unmark_calls"), span)
        write(store, [Charge(hour, IDLE_TEAM, CAPACITY, label, Decimal(0)) for hour, _ in hours], now)
        roll_up(store, (minute for hour, had_calls in hours for minute in (minutes_of(hour) if had_calls else [hour])))
        store.execute(load("collector.allocation", "forget_capacity"), span)
    return len(hours)


def allocate_capacity(
    store: Store, label: str, resource: CapacityConfig, now: datetime, version: int | None = None
) -> int:
    """Spread every ended hour of a resource that was not, or whose calls have changed; returns how many.

    Calls weigh their list prices under the cost version `version`, or else under the newest one. Raises StoreError.
    """
    start = max(_midnight(resource.valid_from), _next_hour(kept_since(store)))
    end = (now - _SETTLES).replace(minute=0, second=0, microsecond=0)
    end = min(end, _midnight(resource.valid_to)) if resource.valid_to else end
    if start >= end:
        return 0
    span = {"resource": label, "start": start, "end": end}
    done = dict(store.query(load("collector.allocation", "capacity_done"), span).rows)
    hours = [start + index * _HOUR for index in range((end - start) // _HOUR)]
    _take_calls(store, label, resource, [hour for hour in hours if hour not in done])
    recent = span | {"start": max(start, end - _LOOKS_BACK)}
    received = dict(store.query(load("collector.allocation", "capacity_received"), recent).rows)
    due = [hour for hour in hours if hour not in done or (hour in received and _came_since(received[hour], done[hour]))]
    if not due:
        return 0
    if version is None:
        version = int(store.query(load("collector", "newest_cost_version")).scalar())
    used = store.query(load("collector.allocation", "capacity_used"), span | {"version": version}).rows
    uses = {row[0]: Use(*row) for row in used}
    for hour in due:
        if hour in uses:
            _price_hour(store, label, resource, uses[hour], now, version)
    _book_hours(store, label, resource, [uses.get(hour, Use(hour)) for hour in due], now)
    return len(due)


def _came_since(received: datetime, done: datetime) -> bool:
    """Whether a call may not have been there when its hour was worked out: it is inserted after it was received.

    What was received shortly before is counted once more, and not again when that was done so much later.
    """
    return received > done - _SETTLES


def _take_calls(store: Store, label: str, resource: CapacityConfig, hours: Sequence[datetime]) -> None:
    """Make calls of `hours`, which were never worked out, the resource's own: they came before it was declared."""
    if not hours:
        return
    served = {"resource": label, "start": hours[0], "end": hours[-1] + _HOUR} | resource.expressions()
    # Every new hour asks; a mutation, which is dear, is only for those that need it.
    if store.query(load("collector.allocation", "unmarked_calls"), served).scalar():
        store.execute(load("collector.allocation", "mark_calls"), served)


def _price_hour(store: Store, label: str, resource: CapacityConfig, use: Use, now: datetime, version: int) -> None:
    """Give the calls of one hour prices that add up to what they bear of it."""
    if use.weight:
        query = load("collector.allocation", "price_hour")
        part = int(borne(resource, use).scaleb(12))
        told = {"resource": label, "hour": use.hour, "borne": part, "weight": use.weight, "now": now}
        store.execute(query, told | {"version": version, "tiers_of_a_span": TIERS_OF_A_SPAN})


def _book_hours(store: Store, label: str, resource: CapacityConfig, uses: Sequence[Use], now: datetime) -> None:
    """Book what no call bears of these hours to `idle`, roll them up, and keep what became of each."""
    span = {"resource": label, "start": uses[0].hour, "end": uses[-1].hour + _HOUR}
    borne_by_calls = dict(store.query(load("collector.allocation", "capacity_borne"), span).rows)
    rows: list[tuple[Any, ...]] = []
    charges, minutes = [], []
    for use in uses:
        paid = borne_by_calls.get(use.hour, Decimal(0))
        idle = resource.hourly - paid
        charges.append(Charge(use.hour, IDLE_TEAM, CAPACITY, label, idle))
        minutes += minutes_of(use.hour) if use.calls else [use.hour]
        weight = Decimal(use.weight).scaleb(-12)
        told = (use.calls, use.input_tokens, use.output_tokens, weight, utilization(resource, use))
        rows.append((label, use.hour, resource.kind, resource.hourly, paid, idle, *told, now))
    write(store, charges, now)
    roll_up(store, minutes)
    names = ["resource", "hour", "kind", "cost", "used", "idle"]
    names += ["calls", "input_tokens", "output_tokens", "weight", "utilization", "computed_at"]
    store.insert("capacity_hours", names, rows)


def allocate_shared(
    store: Store, label: str, shared: SharedCostConfig, now: datetime, since: datetime | None = None
) -> int:
    """Charge every ended day of the last two months, or from `since` on, whose shares are not right; returns how many.

    A day that is not paid is charged to nobody. Raises StoreError.
    """
    start = _next_day(max(kept_since(store), since or now - _LOOKS_BACK))
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


def _next_hour(at: datetime) -> datetime:
    return (at + _HOUR - timedelta(microseconds=1)).replace(minute=0, second=0, microsecond=0)


def _next_day(at: datetime) -> datetime:
    return _midnight((at + _DAY - timedelta(microseconds=1)).date())
