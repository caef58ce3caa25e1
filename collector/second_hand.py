"""Calls that came second-hand, from a tracer or a proxy, count only where nobody tells of them better."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from store.connection import Store
from store.sql import load

_MINUTE: Final = timedelta(minutes=1)


def settle(store: Store, minutes: Sequence[datetime]) -> list[datetime]:
    """Mark the superseded calls in and beside `minutes`; returns the minutes to rebuild because of them.

    The mark is worked out from all facts again, so that it does not matter what came first or how often. A minute with
    marked calls is rebuilt whenever one beside it is, so that a stop between the two is made up for. Raises StoreError.
    """
    near = sorted({minute + step for minute in minutes for step in (-_MINUTE, timedelta(0), _MINUTE)})
    found = _minutes(store, "second_hand_minutes", near)
    if not found:
        return []
    store.execute(load("collector", "supersede"), {"minutes": found})
    return _minutes(store, "superseded_minutes", found)


def _minutes(store: Store, name: str, minutes: list[datetime]) -> list[datetime]:
    return [minute for (minute,) in store.query(load("collector", name), {"minutes": minutes}).rows]
