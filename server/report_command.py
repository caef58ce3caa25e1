"""`tokentide report`: from the store, or from the running process that owns it; as a table, JSON or CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from analyzers.report import DIMENSIONS, Report, report
from server.config import Config, ConfigError
from server.duration import parse_duration
from server.owner import owner
from server.programs import utc_now
from server.remote import Remote
from server.reports import exact

_WIDE = 1000

FORMATS = ("table", "json", "csv")


def print_report(config: Config, kind: str, by: str | None, last: str, format: str, server: str | None) -> None:
    """Print the report to standard output, by its first dimension if `by` is None.

    Raises ConfigError for a word that is not valid, StoreError.
    """
    if format not in FORMATS:
        raise ConfigError(f"there is no format {format}: use {', '.join(FORMATS)}")
    asked = DIMENSIONS.get(kind, ("",))[0] if by is None else by
    dimensions = [name.strip() for name in asked.split(",") if name.strip()]
    try:
        now, length = utc_now(), parse_duration(last)
        with owner(config, server) as answers:
            if isinstance(answers, Remote):
                found = _ask(answers, kind, dimensions, last)
            else:
                found = report(answers, kind, dimensions, now - length, now)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    write(found, format)


def _ask(remote: Remote, kind: str, by: Sequence[str], last: str) -> Report:
    body = remote.get(f"/api/report/{kind}", {"by": ",".join(by), "last": last})
    return Report(tuple(body["columns"]), [tuple(row) for row in body["rows"]])


def write(found: Report, format: str) -> None:
    """Print `found`; unknown is `unknown` in a table, null in JSON, empty in CSV."""
    if format == "json":
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        json.dump(rows, sys.stdout, indent=2, default=exact)
        sys.stdout.write("\n")
    elif format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(found.columns)
        writer.writerows(found.rows)
    else:
        _table(found)


def _table(found: Report) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(found.columns):
        numeric = all(not isinstance(row[index], str) or row[index] == "" for row in found.rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in found.rows:
        table.add_row(*(_cell(column, value) for column, value in zip(found.columns, row, strict=True)))
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    console.print(table) if found.rows else console.print("nothing was stored in this range")


def _cell(column: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if column.endswith("_usd"):
        return _money(Decimal(value))
    if column.endswith(("_ratio", "_share")):
        return f"{float(value):.1%}"
    if column.endswith("_ms"):
        return f"{float(value):,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _money(value: Decimal) -> str:
    """Four decimals, and two significant digits of what is smaller, so that a small cost never reads as nothing."""
    if value == 0 or abs(value) >= Decimal("0.001"):
        return f"${value:,.4f}"
    return f"${value:.{1 - value.adjusted()}f}"
