"""What the calls of each month, team and model cost, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from store.connection import Store
from store.sql import load


class Cost(NamedTuple):
    """Attempts, how many of them are priced, and what they cost; None when none of them has a known cost."""

    attempts: int = 0
    priced: int = 0
    cost: Decimal | None = None

    def plus(self, other: Cost, sign: int = 1) -> Cost:
        """Both together, or this without the other where `sign` is -1."""
        attempts, priced = self.attempts + sign * other.attempts, self.priced + sign * other.priced
        cost = (self.cost or Decimal(0)) + sign * (other.cost or Decimal(0))
        return Cost(attempts, priced, None if attempts and not priced else cost)


Costs: TypeAlias = Mapping[tuple[datetime, str, str], Cost]
"""By month, team and model."""


class Change(NamedTuple):
    """What becomes of one team's and model's calls of one month; costs are None when no call has a known one."""

    month: datetime
    team: str
    model: str
    attempts: int
    priced_before: int
    priced_after: int
    cost_before: Decimal | None
    cost_after: Decimal | None

    @property
    def changes(self) -> bool:
        """Whether anything differs."""
        return (self.priced_before, self.cost_before) != (self.priced_after, self.cost_after)


def recorded(store: Store, start: datetime, end: datetime) -> Costs:
    """What calls cost as they were rolled up. Raises StoreError."""
    return _costs(store, "recorded_costs", {"start": start, "end": end})


def under_version(store: Store, version: int, start: datetime, end: datetime, from_facts: bool = False) -> Costs:
    """What calls cost under a cost version: those that were rolled up, or else the facts. Raises StoreError."""
    asked = {"version": version, "start": start, "end": end, "anew": int(from_facts)}
    return _costs(store, "costs_under_version", asked)


def replaced(costs: Costs, part: Costs, by: Costs) -> Costs:
    """`costs`, of which `part` becomes `by`."""
    keys = costs.keys() | part.keys() | by.keys()
    nothing = Cost()
    return {key: costs.get(key, nothing).plus(part.get(key, nothing), -1).plus(by.get(key, nothing)) for key in keys}


def added(costs: Costs, more: Costs) -> Costs:
    """Both together."""
    return replaced(costs, {}, more)


def changes(before: Costs, after: Costs) -> list[Change]:
    """Every difference, in order."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        was, becomes = before.get(key, Cost()), after.get(key, Cost())
        found.append(Change(*key, becomes.attempts, was.priced, becomes.priced, was.cost, becomes.cost))
    return [change for change in found if change.changes]


def _costs(store: Store, name: str, asked: Mapping[str, Any]) -> Costs:
    rows = store.query(load("collector.repricing", name), asked).rows
    return {(month, team, model): Cost(*cost) for month, team, model, *cost in rows}
