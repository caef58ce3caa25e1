"""Hours of flat capacity: each is spread over its calls, and taken back where it is not paid any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from collector.allocation.capacity import CapacityConfig, Use, borne, carried, utilization
from collector.allocation.charges import CAPACITY, IDLE_TEAM, Charge, minutes_of, roll_up, write
from collector.price_book.cells import TIERS_OF_A_SPAN
from store.connection import Store
from store.retention import kept_since
from store.sql import load

LOOKS_BACK: Final = timedelta(days=62)
"""Of earlier time nothing is taken back, and no shared costs follow what comes late."""
_HOUR: Final = timedelta(hours=1)
# Events of an hour may still be on their way when it ends; later ones make it be worked out again.
_SETTLES: Final = timedelta(minutes=10)
# A process that ends while it works out months has not done so in vain.
_AT_A_TIME: Final = 24


def take_back_capacity(
    store: Store,
    label: str,
    resource: CapacityConfig,
    now: datetime,
    since: datetime | None = None,
    resources: Mapping[str, CapacityConfig] | None = None,
) -> int:
    """Give back the calls and idle charges of a resource from before its first day and from its last on.

    Those are the hours of the last two months, or from `since` on; returns how many. Where others of `resources` serve
    such calls, allocating those afterwards works their hours out again. Raises StoreError.
    """
    first, after = _next_hour(max(kept_since(store), since or now - LOOKS_BACK)), _next_hour(now + _HOUR)
    start, end = resource.paid(first, after)
    outside = [span for span in ((first, start), (end, after)) if span[0] < span[1]]
    return sum(_take_back(store, label, *span, now, resources or {}) for span in outside)


def _take_back(
    store: Store, label: str, start: datetime, end: datetime, now: datetime, resources: Mapping[str, CapacityConfig]
) -> int:
    span = {"resource": label, "start": start, "end": end}
    hours = store.query(load("collector.allocation", "capacity_not_paid"), span).rows
    if hours:
        if any(had_calls for _, had_calls in hours):
            # First: were this lost after the calls are given back, nobody would know any more whose hours they are of.
            _reopen_hours(store, label, start, end, resources)
        store.execute(load("collector.allocation", "unmark_calls"), span)
        write(store, [Charge(hour, IDLE_TEAM, CAPACITY, label, Decimal(0)) for hour, _ in hours], now)
        roll_up(store, (minute for hour, had_calls in hours for minute in (minutes_of(hour) if had_calls else [hour])))
        store.execute(load("collector.allocation", "forget_capacity"), span)
    return len(hours)


def _reopen_hours(
    store: Store, label: str, start: datetime, end: datetime, resources: Mapping[str, CapacityConfig]
) -> None:
    """Let `resources` work out again the hours of their time with calls of the resource `label` that they serve."""
    for follower, resource in resources.items():
        first, after = resource.paid(start, end)
        if follower != label and first < after:
            span = {"follower": follower, "resource": label, "start": first, "end": after}
            store.execute(load("collector.allocation", "reopen_hours"), span | resource.expressions())


def due_hours(store: Store, label: str, resource: CapacityConfig, now: datetime) -> list[datetime]:
    """The ended hours of a resource that were not worked out, or whose calls have changed since. Raises StoreError."""
    start, end = resource.paid(_next_hour(kept_since(store)), _ended(now))
    if start >= end:
        return []
    span = {"resource": label, "start": start, "end": end}
    done = dict(store.query(load("collector.allocation", "capacity_done"), span).rows)
    asked = span | {"recent": max(start, end - LOOKS_BACK)}
    received = dict(store.query(load("collector.allocation", "capacity_received"), asked).rows)
    hours = (start + index * _HOUR for index in range((end - start) // _HOUR))
    return [
        hour for hour in hours if hour not in done or (hour in received and _came_since(received[hour], done[hour]))
    ]


def running_hours(now: datetime, until: datetime) -> list[datetime]:
    """The hours that are not over, or only just: their calls have the last price that was worked out before them."""
    return [_ended(now) + index * _HOUR for index in range((_next_hour(until) - _ended(now)) // _HOUR)]


def allocate_capacity(
    store: Store, label: str, resource: CapacityConfig, now: datetime, version: int | None = None
) -> int:
    """Spread every ended hour of a resource that was not, or whose calls have changed; returns how many.

    Calls weigh their list prices under the cost version `version`, or else under the newest one. Raises StoreError.
    """
    due = due_hours(store, label, resource, now)
    if not due:
        return 0
    _take_calls(store, label, resource, due)
    if version is None:
        version = int(store.query(load("collector", "newest_cost_version")).scalar())
    for first in range(0, len(due), _AT_A_TIME):
        _work_out(store, label, resource, due[first : first + _AT_A_TIME], now, version)
    return len(due)


def _work_out(
    store: Store, label: str, resource: CapacityConfig, hours: Sequence[datetime], now: datetime, version: int
) -> None:
    asked = {"resource": label, "start": hours[0], "end": hours[-1] + _HOUR, "version": version}
    uses = {row[0]: Use(*row) for row in store.query(load("collector.allocation", "capacity_used"), asked).rows}
    for hour in hours:
        if hour in uses:
            _price_hour(store, label, resource, uses[hour], now, version)
    _book_hours(store, label, resource, [uses.get(hour, Use(hour)) for hour in hours], now)


def _came_since(received: datetime, done: datetime) -> bool:
    """Whether a call may not have been there when its hour was worked out: it is inserted after it was received.

    What was received shortly before is counted once more, and not again when that was done so much later.
    """
    return received > done - _SETTLES


def _take_calls(store: Store, label: str, resource: CapacityConfig, hours: Sequence[datetime]) -> None:
    """Make calls of those `hours` that were never worked out the resource's own: they came before it was declared."""
    served = {"resource": label, "start": hours[0], "end": hours[-1] + _HOUR} | resource.expressions()
    # Every new hour asks; a mutation, which is dear, is only for those that need it.
    if store.query(load("collector.allocation", "unmarked_calls"), served).scalar():
        store.execute(load("collector.allocation", "mark_calls"), served)


def _price_hour(store: Store, label: str, resource: CapacityConfig, use: Use, now: datetime, version: int) -> None:
    """Give the calls of one hour prices that add up to what they bear of it: nothing where all are of free models."""
    if use.weight or use.input_tokens or use.output_tokens:
        query = load("collector.allocation", "price_hour")
        parts = {"borne": borne(resource, use), "carried": carried(resource, use)}
        told = {"resource": label, "hour": use.hour, "weight": use.weight or 1, "now": now, "version": version}
        told |= {name: int(part.scaleb(12)) for name, part in parts.items()}
        store.execute(query, told | {"tiers_of_a_span": TIERS_OF_A_SPAN})


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


def _ended(now: datetime) -> datetime:
    return (now - _SETTLES).replace(minute=0, second=0, microsecond=0)


def _next_hour(at: datetime) -> datetime:
    return (at + _HOUR - timedelta(microseconds=1)).replace(minute=0, second=0, microsecond=0)
