"""Calls whose names are understood otherwise than when they arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from collector.allocation.capacity import CapacityConfig
from collector.price_book.resolve import Named, Resolver
from store.connection import Store
from store.sql import load


class Renamed(NamedTuple):
    """Calls whose names are understood otherwise than when they arrived, and the price key that they have or get."""

    named: Named
    calls: int
    price_key: int


class Payer(NamedTuple):
    """Who pays calls, a resource of flat cost or, without a name, the token, and the part of a span when it does."""

    capacity: str
    start: datetime
    end: datetime


def payers(capacity: Mapping[str, CapacityConfig], start: datetime, end: datetime) -> list[Payer]:
    """Whose calls can get other names: those paid by the token, and those of declared capacity."""
    spans = [("", (start, end)), *((label, resource.paid(start, end)) for label, resource in capacity.items())]
    return [Payer(label, first, after) for label, (first, after) in spans if first < after]


def find_renamed(store: Store, resolver: Resolver, payer: Payer) -> list[Renamed]:
    """The calls of one payer that get another price key. Raises StoreError."""
    found = []
    for *names, key, calls in store.query(load("collector.repricing", "names_of_calls"), payer._asdict()).rows:
        named = Named(*names)
        if (understood := resolver.key(*named)) != key:
            found.append(Renamed(named, calls, understood))
    return found


def added_up(renamed: Iterable[Renamed]) -> list[Renamed]:
    """One of each name, whoever pays its calls, the most used first."""
    calls: Counter[tuple[Named, int]] = Counter()
    for one in renamed:
        calls[one.named, one.price_key] += one.calls
    return [Renamed(named, count, key) for (named, key), count in calls.most_common()]


def rename(store: Store, payer: Payer, renamed: Renamed) -> None:
    """Give calls the price key that they get; what is to be rolled up and allocated again is noted first.

    Raises StoreError.
    """
    for name in ("touch_named_calls", "reallocate_named_calls", "rename_calls"):
        store.execute(load("collector.repricing", name), asked(payer, renamed))


def asked(payer: Payer, renamed: Renamed) -> dict[str, Any]:
    """The parameters of a statement about the calls of a payer that get another price key."""
    return {**payer._asdict(), **renamed.named._asdict(), "price_key": renamed.price_key}
