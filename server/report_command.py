"""`tokentide report`: from the store, or from the running process that owns it; as a table, JSON or CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from analyzers.report import ATTRIBUTE, DIMENSIONS, Report, dollars
from server.config import Config, ConfigError
from server.exact_json import exact
from server.output import FORMATS, check_format, no_formula, plain, print_json, print_table
from server.owner import owner
from server.programs import utc_now
from server.remote import Remote
from server.reports import answer

_FORMATS: Final = (*FORMATS, "csv")


def print_report(
    config: Config,
    kind: str,
    by: str | None,
    last: str,
    format: str,
    server: str | None,
    compare: str | None = None,
    limit: int | None = None,
) -> None:
    """Print the report to standard output, by its first dimension if `by` is None.

    `compare` and `limit` are those of `server.reports.answer`. Raises ConfigError for a word that is not valid,
    StoreError.
    """
    check_format(format, _FORMATS)
    asked = {"by": DIMENSIONS.get(kind, ("",))[0] if by is None else by, "last": last}
    if compare is not None:
        asked["compare"] = compare
    if limit is not None:
        asked["limit"] = str(limit)
    try:
        with owner(config, server) as answers:
            if isinstance(answers, Remote):
                found = _ask(answers, kind, asked)
            else:
                found = answer(answers, kind, asked, utc_now())
    except ValueError as error:
        raise ConfigError(str(error)) from error
    write(found, format)


def _ask(remote: Remote, kind: str, asked: Mapping[str, str]) -> Report:
    body = remote.get(f"/api/report/{kind}", asked)
    return Report(tuple(body["columns"]), [tuple(row) for row in body["rows"]], body["note"])


def write(found: Report, format: str) -> None:
    """Print `found`; unknown is `unknown` in a table, null in JSON, empty in CSV, and no name is `-` in a table.

    A table is followed by its note.
    """
    if format == "json":
        print_json([dict(zip(found.columns, row, strict=True)) for row in found.rows])
    elif format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(found.columns)
        writer.writerows([_field(value) for value in row] for row in found.rows)
    else:
        _table(found)


def _field(value: Any) -> Any:
    """A field of the CSV: numbers as they are, also those that came as texts, and texts that are no formula."""
    if isinstance(value, Decimal):
        return exact(value)
    if not isinstance(value, str):
        return value
    try:
        Decimal(value)
    except InvalidOperation:
        return no_formula(value)
    return value


def _table(found: Report) -> None:
    if found.rows:
        columns = list(zip(found.columns, zip(*found.rows, strict=True), strict=True))
        numbers = [column for column, values in columns if all(not isinstance(one, str) or not one for one in values)]
        lines = [[_cell(column, value) for column, value in zip(found.columns, row, strict=True)] for row in found.rows]
        print_table(found.columns, lines, right=numbers)
    else:
        sys.stdout.write("nothing was stored in this range\n")
    if found.note:
        sys.stdout.write(f"{plain(found.note)}\n")


def _cell(column: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if value == "":
        return "-"
    if column.startswith(ATTRIBUTE):
        return str(value)
    if column.endswith("_usd"):
        return dollars(Decimal(value))
    if column.endswith(("_ratio", "_share")):
        return f"{float(value):.1%}"
    if column.endswith("_ms"):
        return f"{float(value):,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
