"""`tokentide prices unresolved` and `history`: from the store, or from the running process that owns it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from server.config import Config, ConfigError
from server.output import check_format, print_json, print_table
from server.owner import owner
from server.prices import history, unresolved
from server.programs import utc_now
from server.remote import Remote

_MOST_RATES: Final = 40


def print_unresolved(config: Config, last: str, limit: int, format: str, server: str | None) -> None:
    """Print the names without a price of their own and what they may mean. Raises ConfigError, StoreError."""
    check_format(format)
    asked: dict[str, str | int] = {"last": last, "limit": limit}
    try:
        with owner(config, server) as found:
            if isinstance(found, Remote):
                names = found.get("/api/prices/unresolved", asked)["names"]
            else:
                names = unresolved(found, config, asked, utc_now)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if format == "json":
        print_json(names)
    elif not names:
        sys.stdout.write("every name has a price\n")
    else:
        print_table(
            ("provider", "host", "name", "tier", "calls", "tokens", "spend", "what to do"),
            [_line(one) for one in names],
        )


def print_history(config: Config, format: str, server: str | None) -> None:
    """Print every change of the price book and every cost version. Raises ConfigError, StoreError."""
    check_format(format)
    with owner(config, server) as found:
        rows = found.get("/api/prices/history")["rows"] if isinstance(found, Remote) else history(found)
    if format == "json":
        print_json(rows)
    else:
        lines = [(str(row["at"])[:19], row["what"], row["number"], row["detail"], row["reason"]) for row in rows]
        print_table(("at", "what", "number", "detail", "reason"), lines)


def print_rates(changes: Sequence[Mapping[str, Any]]) -> None:
    """Print which rates become others, by model; of many models the first ones."""
    lines = [
        (
            *(one[name] for name in ("team", "provider", "model", "context")),
            _from(one),
            one["rate"].removesuffix("_rate"),
            *("none" if one[side] is None else f"${Decimal(one[side]).normalize():f}" for side in ("before", "after")),
        )
        for one in changes[:_MOST_RATES]
    ]
    if not lines:
        sys.stdout.write("no rate changes\n")
        return
    columns = ("team", "provider", "model", "context", "from", "rate", "before", "after")
    print_table(columns, lines, right=("before", "after"))
    if len(changes) > _MOST_RATES:
        sys.stdout.write(f"… and {len(changes) - _MOST_RATES} more rates\n")


def _from(one: Mapping[str, Any]) -> str:
    """From when on a rate is another one, at which time of the day and from how many tokens on."""
    at, start = str(one["at"])[:10], one["day_from"]
    day = f", from {start // 3600:02}:{start // 60 % 60:02} UTC" if start else ""
    return at + day + (f", from {one['input_from']:,} tokens" if one["input_from"] else "")


def _line(one: Mapping[str, Any]) -> tuple[str, ...]:
    shares = ("" if one[name] is None else f"{float(one[name]):.1%}" for name in ("token_share", "cost_share"))
    names = (one["provider"], one["host"], one["name"], one["service_tier"])
    priced_as = "" if one["priced_as"] is None else f"priced as the requested {one['priced_as']}; "
    return (*names, f"{one['calls']:,}", *shares, priced_as + _advice(one))


def _advice(one: Mapping[str, Any]) -> str:
    if one["understood"]:
        if one["priced_as"] is not None:
            return "it has a price of its own now: prices reprice"
        if one["is_known"]:
            return "its price book has no rates for that time or tier: state them with prices update"
        return "it has a price now: prices reprice"
    if one["suggestion"] is None:
        return "declare it in prices.models, or state its price"
    return f"perhaps {one['suggestion']['is_model']} of {one['suggestion']['of_provider']}: declare it in prices.models"
