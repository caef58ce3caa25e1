"""`tokentide prices resolve` and `cost`: by the price book of the store, of a running tokentide, or of this release."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from server.config import Config, ConfigError
from server.exact_json import as_json
from server.keeping import Clock
from server.owner import owner
from server.price_lookup import Book, ReleaseBook, StoreBook, costing, resolution
from server.programs import utc_now
from server.remote import Remote

Lookup = Callable[[Book, Config, Mapping[str, str], Clock], Mapping[str, Any]]


def print_resolution(config: Config, asked: Mapping[str, str], server: str | None, release: bool) -> bool:
    """Print every step from the names to the model and the rates that hold; whether there are any.

    Asked is the price book of the store, or with `release`, and where there is no store, that of this release. Raises
    ConfigError, StoreError.
    """
    found = _look_up(config, "resolve", resolution, asked, server, release)
    for step in found["steps"]:
        sys.stdout.write(f"{step}\n")
    for row in found["rows"]:
        sys.stdout.write(f"\n{_place(row)}\n")
        for name, rate in row["rates"].items():
            sys.stdout.write(f"  {name:22} {_dollars(rate)} per million\n")
    if found["is_known"] and not found["rows"]:
        sys.stdout.write(f"{found['book']} has no rates for it at {_minute(found['at'])}\n")
    elif found["rows"]:
        sys.stdout.write(f"\nby {found['book']}\n")
    return bool(found["rows"])


def print_cost(config: Config, asked: Mapping[str, str], server: str | None, release: bool) -> bool:
    """Print what a usage costs, part by part; whether that is known. The book is chosen as by `print_resolution`.

    Raises ConfigError, StoreError.
    """
    found = _look_up(config, "cost", costing, asked, server, release)
    for step in found["steps"]:
        sys.stdout.write(f"{step}\n")
    if found["row"] is not None:
        sys.stdout.write(f"{_place(found['row'])}\n")
    for part in found["parts"]:
        priced = f"at {_dollars(part['rate'])} per million = {_dollars(part['cost'])}"
        sys.stdout.write(f"  {part['meter']:18} {part['tokens']:>14,} {priced}\n")
    cost = "unknown" if found["cost"] is None else _dollars(found["cost"])
    sys.stdout.write(f"{found['status']} by {found['book']}: {cost}\n")
    return found["cost"] is not None


def _look_up(
    config: Config, path: str, ask: Lookup, asked: Mapping[str, str], server: str | None, release: bool
) -> Mapping[str, Any]:
    try:
        if release or (not server and not _has_store(config)):
            return _as_answered(ask(ReleaseBook(), config, asked, utc_now))
        with owner(config, server) as found:
            if isinstance(found, Remote):
                answer: dict[str, Any] = found.get(f"/api/prices/{path}", asked)
                return answer
            return _as_answered(ask(StoreBook(found), config, asked, utc_now))
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _as_answered(found: Mapping[str, Any]) -> dict[str, Any]:
    """As a running tokentide answers it, so that one way of printing serves both."""
    answer: dict[str, Any] = json.loads(as_json(found))
    return answer


def _has_store(config: Config) -> bool:
    """Whether there is a store to ask: to open an embedded one would make its folder."""
    address = config.store.address()
    return not address.startswith("chdb://") or Path(address.removeprefix("chdb://")).exists()


def _dollars(cost: str) -> str:
    return f"${Decimal(cost).normalize():f}"


def _place(row: Mapping[str, Any]) -> str:
    until = "" if row["valid_to"] > "2100" else f" to {row['valid_to'][:10]}"
    since = "always" if row["valid_from"] < "2000" else row["valid_from"][:10]
    size = f", from {row['input_from']:,} input tokens on" if row["input_from"] else ""
    start = row["day_from"]
    day = f", from {start // 3600:02}:{start // 60 % 60:02} UTC on" if start else ""
    layer = "" if row["source"].startswith(row["layer"]) else f"{row['layer']} "
    told = f"; {row['reference']}" if row["reference"] else ""
    return f"since {since}{until}{size}{day}: {layer}{row['source']} ({row['confidence']}{told})"


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")
