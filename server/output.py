"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.config import ConfigError
from server.exact_json import as_json

FORMATS: Final = ("table", "json")
# What is piped is not cut.
_WIDE: Final = 1000
# What a spreadsheet takes for the beginning of a formula, by OWASP; tabs and line breaks are not in a plain text.
_FORMULA: Final = tuple("=+-@＝＋－＠")


def check_format(format: str, formats: Sequence[str] = FORMATS) -> None:
    """Raises ConfigError when `format` is none of `formats`."""
    if format not in formats:
        raise ConfigError(f"there is no format {format}: use {', '.join(formats)}")


def print_json(found: object) -> None:
    """Print `found` as JSON: money and instants as texts."""
    sys.stdout.write(as_json(found, indent=2) + "\n")


def print_table(columns: Sequence[str], lines: Iterable[Sequence[object]], right: Container[str] = ()) -> None:
    """Print `lines` below the names of their columns, if they have any; the columns in `right` are aligned there."""
    table = Table(box=None, pad_edge=False, show_header=bool(columns), header_style="bold")
    for column in columns:
        table.add_column(Text(plain(column)), justify="right" if column in right else "left")
    for line in lines:
        table.add_row(*(Text(plain(cell)) for cell in line))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)


def plain(value: object) -> str:
    """`value` without what would move a terminal's cursor or hide other text, because senders choose names and texts.

    None is nothing.
    """
    text = "" if value is None else str(value)
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)


def no_formula(value: object) -> str:
    """`value` as plain text for a CSV file, with a quote before what a spreadsheet takes for a formula."""
    text = plain(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
