"""Put the seed of the price book (prices.csv) into llm_prices; a second time changes nothing."""

from __future__ import annotations

import csv
from datetime import datetime, timezone
from decimal import Decimal
from importlib import resources

from store.connection import Store
from store.sql import load

_TEXTS = ("provider", "model", "context", "source")
_INSTANTS = ("valid_from", "valid_to")
_WHOLE = ("price_key", "day_from", "day_to", "input_from", "input_to")


def seed_prices(store: Store, now: datetime) -> int:
    """Insert the rows of the seed that the store does not have; returns how many."""
    text = resources.files("collector").joinpath("prices.csv").read_text("utf-8")
    rows = [_row(raw) for raw in csv.DictReader(text.splitlines())]
    known = set(store.query(load("collector", "known_prices")).rows)
    new = [
        row for row in rows
        if (row["price_key"], row["valid_from"], row["day_from"], row["input_from"], row["source"]) not in known
    ]  # fmt: skip
    if new:
        columns = [*new[0], "recorded_at"]
        store.insert("llm_prices", columns, [(*row.values(), now) for row in new])
    return len(new)


def _row(raw: dict[str, str]) -> dict[str, object]:
    return {column: _value(column, text) for column, text in raw.items()}


def _value(column: str, text: str) -> object:
    if column in _TEXTS:
        return text
    if column in _INSTANTS:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    if column in _WHOLE:
        return int(text)
    return Decimal(text) if text else None
