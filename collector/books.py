"""The books: what a month cost when it was closed, which is never changed, and corrections of it, which are added.

Months are those of UTC, as providers bill them. A month's usage and all of its corrections add up to what its calls
cost by what was known at the last of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from store.connection import Store
from store.sql import load


class Booked(NamedTuple):
    """What a closing booked: its number, and entries and US dollars of both kinds."""

    closing: int
    usage_entries: int
    usage: Decimal
    correction_entries: int
    corrections: Decimal


class Month(NamedTuple):
    """A month as booked and as known now, in US dollars. `closed_at` is None for a month that is open."""

    month: date
    closed_at: datetime | None
    usage: Decimal
    corrections: Decimal
    known_now: Decimal
    attempts: int
    priced: int

    @property
    def not_booked(self) -> Decimal:
        """What is known now and not booked."""
        return self.known_now - self.usage - self.corrections


def months(store: Store) -> list[Month]:
    """Every month that has calls or entries, in order. Raises StoreError."""
    found = []
    for month, closed, *rest in store.query(load("collector", "books")).rows:
        found.append(Month(month, closed if closed.year > 1970 else None, *rest))
    return found


def closed_months(store: Store) -> list[date]:
    """Every month that is closed, in order. Raises StoreError."""
    return [month for (month,) in store.query(load("collector", "closed_months")).rows]


def close(store: Store, month: date, now: datetime) -> Booked:
    """Close a month that is over: book its usage, and what earlier months differ by from what is booked of them.

    Raises ValueError for a month that cannot be closed, StoreError.
    """
    _check(store, month, now)
    return _book(store, month, closed_months(store), f"{month:%Y-%m} was closed", now)


def correct(store: Store, reason: str, now: datetime) -> Booked:
    """Book by how much the closed months differ now from what is booked of them. Raises StoreError."""
    return _book(store, None, closed_months(store), reason, now)


def _check(store: Store, month: date, now: datetime) -> None:
    if month.day != 1:
        raise ValueError(f"{month} is no month: name it by its first day")
    if _after(month) > now.date():
        raise ValueError(f"{month:%Y-%m} is not over yet")
    known = [one for one in months(store) if one.month <= month]
    if not known or known[-1].month != month:
        raise ValueError(f"there are no calls of {month:%Y-%m}")
    if known[-1].closed_at is not None:
        raise ValueError(f"{month:%Y-%m} is closed already: tokentide books correct adds what has changed")
    if any(one.closed_at is None for one in known[:-1]):
        first = next(one.month for one in known if one.closed_at is None)
        raise ValueError(f"close {first:%Y-%m} first: months are closed in their order")


def _after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _book(store: Store, month: date | None, closed: Sequence[date], reason: str, now: datetime) -> Booked:
    number, version = store.query(load("collector", "next_closing")).rows[0]
    for kind, which in (("usage", [] if month is None else [month]), ("correction", list(closed))):
        if which:
            asked = {"closing": number, "kind": kind, "months": which}
            store.execute(load("collector", "book_difference"), asked)
    usage, corrections = (
        store.query(load("collector", "booked"), {"closing": number, "kind": kind}).rows[0]
        for kind in ("usage", "correction")
    )
    booked = Booked(number, *usage, *corrections)
    if month is not None or booked.correction_entries:
        columns = ["number", "month", "is_close", "cost_version", "reason", "recorded_at"]
        told = (number, month or now.date().replace(day=1), month is not None, version, reason, now)
        store.insert("book_closings", columns, [told])
    return booked
