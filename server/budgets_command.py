"""`tokentide budgets`: from the store, or by the running process that owns it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from server.budgets import status
from server.config import Config
from server.output import check_format, print_json, print_table
from server.owner import owner
from server.programs import utc_now
from server.remote import Remote

_COLUMNS: Final = ("budget", "period", "amount", "actual", "used", "forecast (low–high)", "state", "note")
_NUMBERS: Final = ("amount", "actual", "used", "forecast (low–high)")
_CENT: Final = Decimal("0.01")


def print_status(config: Config, format: str, server: str | None) -> bool:
    """Print every budget; returns whether none is exceeded or broken. Raises ConfigError, StoreError."""
    check_format(format)
    with owner(config, server) as found:
        if isinstance(found, Remote):
            budgets = found.get("/api/budgets")["budgets"]
        else:
            budgets = status(found, config.budgets, utc_now())
    if format == "json":
        print_json(budgets)
    elif budgets:
        print_table(_COLUMNS, map(_line, budgets), right=_NUMBERS)
    else:
        sys.stdout.write("there is no budget: write a table [budgets.NAME] with amount and period\n")
    return all(one["state"] not in ("exceeded", "broken") for one in budgets)


def _line(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        one["budget"],
        f"{one['period']} of {one['first_day']}",
        _dollars(one["amount_usd"]),
        "unknown" if one["actual_usd"] is None else _dollars(one["actual_usd"]),
        "unknown" if one["used_share"] is None else f"{one['used_share']:.1%}",
        _forecast(one),
        one["state"],
        one["note"],
    )


def _forecast(one: Mapping[str, Any]) -> str:
    if one["forecast_usd"] is None:
        return "none yet"
    low, high = _dollars(one["forecast_low_usd"]), _dollars(one["forecast_high_usd"])
    return f"{_dollars(one['forecast_usd'])} ({low}–{high})"


def _dollars(cost: Any) -> str:
    amount = Decimal(cost)
    return "< $0.01" if 0 < amount < _CENT else f"${amount:,.2f}"
