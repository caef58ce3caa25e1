"""`tokentide books`: from the store, or by the running process that owns it."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from analyzers.report import dollars
from server.books import entries, parse_month, status
from server.config import Config, ConfigError
from server.exact_json import exact
from server.output import check_format, no_formula, print_json, print_table
from server.owner import owner
from server.remote import Remote

_MONEY: Final = ("usage", "corrections", "known now", "not booked")
_WORDS: Final = ("team", "app", "feature", "environment", "provider", "model", "operation", "reason")


def print_booked(done: Mapping[str, Any]) -> None:
    """Print what a closing booked."""
    for what, count in (("usage", done["usage_entries"]), ("corrections", done["correction_entries"])):
        if count:
            sys.stdout.write(f"booked {_every_digit(Decimal(done[f'{what}_usd']))} of {what} in {count} entries\n")
    if unpriced := done.get("unpriced"):
        sys.stdout.write(f"the cost of {unpriced:,} of {done['attempts']:,} attempts is unknown: it is not in there\n")
    if not done["usage_entries"] and not done["correction_entries"]:
        sys.stdout.write("closed months are as they are booked: there was nothing to add\n")


def print_status(config: Config, format: str, server: str | None) -> None:
    """Print every month, closed or open. Raises ConfigError, StoreError."""
    check_format(format)
    with owner(config, server) as found:
        months = found.get("/api/books")["months"] if isinstance(found, Remote) else status(found)
    if format == "json":
        print_json(months)
    elif months:
        print_table(("month", "closed", *_MONEY, "priced"), map(_line, months), right=(*_MONEY, "priced"))
    else:
        sys.stdout.write("there are no calls yet\n")


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
        write_entries(rows, sys.stdout)
        return len(rows)
    try:
        with Path(output).open("w", encoding="utf-8", newline="") as file:
            write_entries(rows, file)
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error}") from error
    return len(rows)


def _every_digit(cost: Decimal) -> str:
    return f"{'-' if cost < 0 else ''}${exact(abs(cost))}"


def _line(one: Mapping[str, Any]) -> tuple[str, ...]:
    closed = str(one["closed_at"])[:16].replace("T", " ") if one["closed_at"] else "open"
    money = (one[f"{column.replace(' ', '_')}_usd"] for column in _MONEY)
    share = "" if one["priced_share"] is None else f"{float(one['priced_share']):.1%}"
    return (one["month"], closed, *("" if cost is None else dollars(Decimal(cost)) for cost in money), share)


def write_entries(rows: Sequence[Mapping[str, Any]], file: Any) -> None:
    """Write entries of the books as CSV: plain names, with a quote before what a spreadsheet takes for a formula."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(rows[0] if rows else ())
    writer.writerows([_cell(column, value) for column, value in row.items()] for row in rows)


def _cell(column: str, value: Any) -> Any:
    if value is None:
        return ""
    if column in _WORDS:
        return no_formula(value)
    return value if isinstance(value, (int, str)) else exact(value)
