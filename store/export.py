"""Rows of the store as Parquet, CSV or JSON lines, written by the engine and handed on piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from store.connection import Store
from store.sql import load

WHAT: Final = ("calls", "texts", "minutes", "hours", "ledger")
FORMATS: Final = {"parquet": "Parquet", "csv": "CSVWithNames", "jsonl": "JSONEachRow"}


def export(store: Store, what: str, start: datetime, end: datetime, team: str, format: str) -> Iterator[bytes]:
    """What began in [start, end), of every team if `team` is empty. Money is exact, instants are in UTC.

    Raises ValueError for a word that is not valid, StoreError.
    """
    if what not in WHAT:
        raise ValueError(f"there is no export of {what}: export {', '.join(WHAT)}")
    if format not in FORMATS:
        raise ValueError(f"there is no format {format}: use {', '.join(FORMATS)}")
    if start >= end:
        raise ValueError("--from must be before --to: turn them round")
    parameters: dict[str, Any] = {"start": start, "end": end, "team": team}
    if what == "ledger":
        if team:
            raise ValueError("the ledger knows no teams: leave --team away")
        del parameters["team"]
    return store.stream(load("store", f"export_{what}"), parameters, FORMATS[format])
