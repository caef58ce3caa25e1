"""`tokentide budgets`: from the store, or by the running process that owns it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from server.budgets import status
from server.config import Config, ConfigError
from server.owner import owner
from server.programs import utc_now
from server.remote import Remote
from server.reports import exact

FORMATS: Final = ("table", "json")
_WIDE: Final = 300
_TEXTS: Final = ("budget", "period", "state", "note")
_CENT: Final = Decimal("0.01")


def print_status(config: Config, format: str, server: str | None) -> bool:
    """Print every budget; returns whether none is exceeded or broken. Raises ConfigError, StoreError."""
    if format not in FORMATS:
        raise ConfigError(f"there is no format {format}: use {', '.join(FORMATS)}")
    with owner(config, server) as found:
        if isinstance(found, Remote):
            budgets = found.get("/api/budgets")["budgets"]
        else:
            budgets = status(found, config.budgets, utc_now())
    if format == "json":
        json.dump(budgets, sys.stdout, indent=2, default=exact)
        sys.stdout.write("\n")
    else:
        _print_table(budgets)
    return all(one["state"] not in ("exceeded", "broken") for one in budgets)


def _print_table(budgets: list[Mapping[str, Any]]) -> None:
    console = Console(width=None if sys.stdout.isatty() else _WIDE, markup=False)
    if not budgets:
        console.print("there is no budget: write a table [budgets.NAME] with amount and period")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("budget", "period", "amount", "actual", "used", "forecast (low–high)", "state", "note"):
        table.add_column(column, justify="left" if column in _TEXTS else "right")
    for one in budgets:
        table.add_row(
            one["budget"],
            f"{one['period']} of {one['first_day']}",
            _dollars(one["amount_usd"]),
            _dollars(one["actual_usd"]),
            f"{one['used_share']:.1%}",
            _forecast(one),
            one["state"],
            one["note"],
        )
    console.print(table)


def _forecast(one: Mapping[str, Any]) -> str:
    if one["forecast_usd"] is None:
        return "none yet"
    low, high = _dollars(one["forecast_low_usd"]), _dollars(one["forecast_high_usd"])
    return f"{_dollars(one['forecast_usd'])} ({low}–{high})"


def _dollars(cost: Any) -> str:
    amount = Decimal(cost)
    return "< $0.01" if 0 < amount < _CENT else f"${amount:,.2f}"
