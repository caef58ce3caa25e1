"""What the provider would bill, from its own log and the committed price list; it shares no code with the collector."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib import resources
from typing import Final

from server.demo.provider import Answered

_MILLION: Final = Decimal(1_000_000)


class NoPrice(LookupError):
    """The price list has no rate for something that the provider sold."""


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens, for requests with `input_from` ≤ input tokens < `input_to`."""

    input_from: int
    input_to: int
    input: Decimal
    cached: Decimal
    output: Decimal | None


def bill(answered: Iterable[Answered], at: datetime) -> dict[str, Decimal]:
    """US dollars per team at the list prices of `at`, every digit.

    An error costs nothing; an answer that did not tell its usage is left out. Raises NoPrice.
    """
    rates = price_list(at)
    owed: dict[str, Decimal] = defaultdict(Decimal)
    for each in answered:
        owed[each.team] += _price(each, rates) if each.tells_usage and each.usage else Decimal(0)
    return dict(owed)


def price_list(at: datetime) -> Mapping[tuple[str, str], list[Rates]]:
    """The rates of every provider's models in the ordinary service tier at `at`."""
    text = resources.files("collector.price_book").joinpath("prices.csv").read_text("utf-8")
    instant = at.strftime("%Y-%m-%d %H:%M:%S")
    found: dict[tuple[str, str], list[Rates]] = defaultdict(list)
    for row in csv.DictReader(text.splitlines()):
        if row["input_rate"] and not row["context"] and row["valid_from"] <= instant < row["valid_to"]:
            found[row["provider"], row["model"]].append(
                Rates(
                    int(row["input_from"]),
                    int(row["input_to"]),
                    Decimal(row["input_rate"]),
                    Decimal(row["cache_read_rate"] or row["input_rate"]),
                    Decimal(row["output_rate"]) if row["output_rate"] else None,
                )
            )
    return found


def _price(answered: Answered, rates: Mapping[tuple[str, str], list[Rates]]) -> Decimal:
    tokens, cached, written = (answered.usage[name] for name in ("input_tokens", "cache_read_tokens", "output_tokens"))
    for rate in rates.get((answered.provider, answered.model), ()):
        if rate.input_from <= tokens < rate.input_to and (rate.output is not None or not written):
            return ((tokens - cached) * rate.input + cached * rate.cached + written * (rate.output or 0)) / _MILLION
    raise NoPrice(f"no price for {answered.model} of {answered.provider}")
