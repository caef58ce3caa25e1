"""Calls that came second-hand, from a tracer or a proxy, count only where nobody tells of them better."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from store.connection import Store
from store.sql import load

_MINUTE: Final = timedelta(minutes=1)
# A hook's call supersedes what began ten minutes earlier to a minute later.
_REACH: Final = range(-10, 2)
_BESIDE: Final = range(-1, 2)


def settle(store: Store, minutes: Sequence[datetime]) -> list[datetime]:
    """Mark the superseded calls of `minutes` and of those that they reach; returns what to rebuild because of them.

    The mark is worked out from all facts again, so that it does not matter what came first or how often. Where a mark
    is new the minute is noted as touched, so that a stop before it is rebuilt is made up for. Raises StoreError.
    """
    found = [minute for (minute,) in _rows(store, "second_hand_minutes", _near(minutes, _REACH))]
    if not found:
        return []
    before = dict(_rows(store, "superseded_minutes", found))
    store.execute(load("collector", "supersede"), {"minutes": found})
    marked = dict(_rows(store, "superseded_minutes", found))
    if changed := [minute for minute, calls in marked.items() if calls != before.get(minute)]:
        store.execute(load("collector", "touch_minutes"), {"minutes": changed})
    return sorted({*changed, *(marked.keys() & set(_near(minutes, _BESIDE)))})


def _near(minutes: Sequence[datetime], steps: range) -> list[datetime]:
    return sorted({minute + step * _MINUTE for minute in minutes for step in steps})


def _rows(store: Store, name: str, minutes: list[datetime]) -> Sequence[tuple[Any, ...]]:
    return store.query(load("collector", name), {"minutes": minutes}).rows
