"""Thresholds on record: each is written once for a period, and stays whatever the spend does afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from analyzers.budget.status import BudgetStatus
from store.connection import Store
from store.sql import load

_COLUMNS: Final = ["budget", "period_start", "period_end", "threshold", "amount", "actual", "reached_at"]


class Reached(NamedTuple):
    """A threshold that a budget reached in a period, and what was spent of which amount when that was seen."""

    budget: str
    period_start: datetime
    period_end: datetime
    threshold: Decimal
    amount: Decimal
    actual: Decimal
    reached_at: datetime


def reached(store: Store, instant: datetime) -> list[Reached]:
    """What is on record of the periods that hold `instant`. Raises StoreError."""
    return [Reached(*row) for row in store.query(load("analyzers.budget", "thresholds"), {"instant": instant}).rows]


def latch(store: Store, statuses: Sequence[BudgetStatus], instant: datetime) -> list[Reached]:
    """Put on record what the budgets have reached by `instant`, and return what was new. Raises StoreError."""
    known = {one[:4] for one in reached(store, instant)}
    new = [
        Reached(one.name, one.period.start, one.period.end, threshold, one.amount, one.actual, instant)
        for one in statuses
        for threshold in one.thresholds_reached
        if (one.name, one.period.start, one.period.end, threshold) not in known
    ]
    store.insert("budget_thresholds", _COLUMNS, [tuple(one) for one in new])
    return new
