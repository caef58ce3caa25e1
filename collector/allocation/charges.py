"""Charges: costs that are no call's, kept among the calls so that every total, roll-up, budget and book has them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from collector.rollup import RollUp
from store.connection import Store

OPERATION: Final = "charge"
IDLE_TEAM: Final = "idle"
CAPACITY: Final = "capacity"
SHARED: Final = "shared"
_NAMESPACE: Final = uuid.UUID("b1b7a3a5-4a0c-5d1e-9d0f-8a4f6c2e7d10")
_COLUMNS: Final = [
    "call_id",
    "operation_id",
    "started_at",
    "team",
    "provider",
    "operation",
    "model_requested",
    "provider_reported_cost",
    "usage_source",
    "status",
    "received_at",
]


class Charge(NamedTuple):
    """What a team bears of the cost called `label`, in US dollars; `kind` stands in place of a provider."""

    at: datetime
    team: str
    kind: str
    label: str
    cost: Decimal


def write(store: Store, charges: Sequence[Charge], now: datetime) -> None:
    """Store `charges`; one of the same time, team, kind and label is replaced. Raises StoreError."""
    store.insert("ingest", _COLUMNS, [_row(charge, now) for charge in charges])


def roll_up(store: Store, minutes: Iterable[datetime]) -> None:
    """Rebuild the roll-ups of `minutes`. Raises StoreError."""
    work = RollUp(store)
    work.touch(minutes)
    while work.rebuild():
        pass


def minutes_of(hour: datetime) -> list[datetime]:
    """The minutes of an hour."""
    return [hour + timedelta(minutes=minute) for minute in range(60)]


def _row(charge: Charge, now: datetime) -> tuple[object, ...]:
    name = "\n".join((charge.kind, charge.label, charge.team, charge.at.isoformat()))
    identity = uuid.uuid5(_NAMESPACE, name)
    cost = charge.cost
    told = (charge.at, charge.team, charge.kind, OPERATION, charge.label, cost, "provider", "ok", now)
    return (identity, identity, *told)
