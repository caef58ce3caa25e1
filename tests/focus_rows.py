"""The rows of a day's FOCUS file, read back from the CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from server.focus.columns import COLUMNS
from server.focus.day import rows
from store.connection import Store
from store.sql import parse

DECIMALS = {column.name for column in COLUMNS if column.kind == "Decimal"}

DAY_COST = parse(
    "day_cost",
    "-- One row = what is known of a day.\nSELECT ifNull(sum(cost), toDecimal128(0, 12)) FROM priced_calls"
    " WHERE toDate(started_at) = {day:Date}",
)


def focus_rows(store: Store, day: date, version: str = "1.3") -> list[dict[str, Any]]:
    """A dictionary for each row; what is empty is None."""
    text = b"".join(rows(store, day, version, "csv")).decode("utf-8")
    return [{name: _value(name, value) for name, value in row.items()} for row in csv.DictReader(text.splitlines())]


def total(found: Iterable[dict[str, Any]], column: str = "BilledCost") -> Decimal:
    return sum((row[column] for row in found), Decimal(0))


def by_meter(found: Iterable[dict[str, Any]]) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Quantity, contracted price and cost of each meter."""
    return {row["SkuMeter"]: (row["PricingQuantity"], row["ContractedUnitPrice"], row["BilledCost"]) for row in found}


def known(store: Store, day: date) -> Decimal:
    """What the calls and charges of a day cost, as far as it is known."""
    cost: Decimal = store.query(DAY_COST, {"day": day}).scalar()
    return cost


def _value(name: str, value: str) -> Any:
    if value == "":
        return None
    return Decimal(value) if name in DECIMALS else value
