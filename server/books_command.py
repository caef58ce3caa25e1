"""`tokentide books`: from the store, or by the running process that owns it."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from server.books import entries, parse_month, status
from server.config import Config, ConfigError
from server.owner import owner
from server.remote import Remote
from server.reports import exact

FORMATS: Final = ("table", "json")
_WIDE: Final = 200


def print_booked(done: Mapping[str, Any]) -> None:
    """Print what a closing booked."""
    if done["usage_entries"]:
        sys.stdout.write(f"booked ${done['usage_usd']} of usage in {done['usage_entries']} entries\n")
    if done["correction_entries"]:
        sys.stdout.write(f"booked ${done['corrections_usd']} of corrections in {done['correction_entries']} entries\n")
    if not done["usage_entries"] and not done["correction_entries"]:
        sys.stdout.write("closed months are as they are booked: there was nothing to add\n")


def print_status(config: Config, format: str, server: str | None) -> None:
    """Print every month, closed or open. Raises ConfigError, StoreError."""
    if format not in FORMATS:
        raise ConfigError(f"there is no format {format}: use {', '.join(FORMATS)}")
    with owner(config, server) as found:
        months = found.get("/api/books")["months"] if isinstance(found, Remote) else status(found)
    if format == "json":
        json.dump(months, sys.stdout, indent=2, default=exact)
        sys.stdout.write("\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("month", "closed", "usage", "corrections", "known now", "not booked", "priced"):
        table.add_column(column, justify="left" if column in ("month", "closed") else "right")
    for one in months:
        money = (one[name] for name in ("usage_usd", "corrections_usd", "known_now_usd", "not_booked_usd"))
        closed = str(one["closed_at"])[:16] if one["closed_at"] else "open"
        share = "" if one["priced_share"] is None else f"{float(one['priced_share']):.1%}"
        table.add_row(
            one["month"], closed, *("" if cost is None else f"${Decimal(cost):,.4f}" for cost in money), share
        )
    console = Console(width=None if sys.stdout.isatty() else _WIDE, markup=False)
    console.print(table) if months else console.print("there are no calls yet")


def write_chargeback(config: Config, month: str, output: str, server: str | None) -> int:
    """Write the chargeback of a closed month as CSV; returns the number of entries.

    Raises ConfigError, StoreError.
    """
    try:
        with owner(config, server) as found:
            if isinstance(found, Remote):
                rows = found.get(f"/api/books/{month}")["entries"]
            else:
                rows = entries(found, parse_month(month))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if output == "-":
        _write(rows, sys.stdout)
        return len(rows)
    try:
        with Path(output).open("w", encoding="utf-8", newline="") as file:
            _write(rows, file)
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error}") from error
    return len(rows)


def _dollars(cost: Any) -> str:
    return "" if cost is None else f"${Decimal(cost):,.4f}"


def _write(rows: Sequence[Mapping[str, Any]], file: Any) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(rows[0] if rows else ())
    writer.writerows([_cell(value) for value in row.values()] for row in rows)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return value if isinstance(value, (int, str)) else exact(value)
