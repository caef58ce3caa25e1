"""What one usage costs, in exact decimals: what the view priced_calls_at says, for one call and without a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from tokentide.manual import TOKENS

from collector.price_book.cells import filled, picodollars
from collector.price_book.row import PriceRow

MOST_TOKENS: Final = 100_000_000
_DOLLARS: Final = Decimal("0.000000000001")


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens of one meter and what they cost."""

    meter: str
    tokens: int
    rate: Decimal | None
    cost: Decimal


@dataclass(frozen=True, slots=True)
class UsageCost:
    """The cost in US dollars, None if it is not known; `status` says why as cost_status does, `parts` add up to it."""

    status: str
    cost: Decimal | None = None
    row: PriceRow | None = None
    parts: tuple[Part, ...] = ()


def usage_cost(rows: Iterable[PriceRow], at: datetime, usage: Mapping[str, int]) -> UsageCost:
    """The cost of a usage by the one among the rows of a price key that holds for it at `at`.

    `usage` has whole counts, named as in an event: input_tokens contains cached and written ones. One with neither
    input nor output tokens says nothing.
    Raises ValueError for a count that has another name, is negative, or is no whole number.
    """
    _check(usage)
    if not usage.keys() & {"input_tokens", "output_tokens"}:
        return UsageCost("missing_usage")
    counts = {name: usage.get(name, 0) for name in TOKENS}
    row = next((row for row in rows if row.holds(at, counts["input_tokens"])), None)
    if row is None:
        return UsageCost("unpriced")
    buckets = _buckets(counts)
    if max(counts["input_tokens"], counts["output_tokens"]) > MOST_TOKENS or min(buckets.values()) < 0:
        return UsageCost("contradictory", row=row)
    rates = filled(row.rates)
    lacking = {"input_tokens": rates["input_rate"], "output_tokens": rates["output_rate"]}
    if any(counts[name] and rate is None for name, rate in lacking.items()):
        return UsageCost("partial", row=row)
    parts = tuple(
        Part(meter, tokens, rates[f"{meter}_rate"], tokens * picodollars(rates[f"{meter}_rate"]) * _DOLLARS)
        for meter, tokens in buckets.items()
        if tokens and (meter != "request" or rates["request_rate"])
    )
    return UsageCost("priced", sum((part.cost for part in parts), Decimal(0)), row, parts)


def _buckets(counts: Mapping[str, int]) -> dict[str, int]:
    """Tokens by meter, every token in one of them, and the request itself."""
    audio = counts["input_audio_tokens"] - counts["cache_read_audio_tokens"]
    written = counts["cache_write_5m_tokens"] + counts["cache_write_1h_tokens"]
    image = counts["input_image_tokens"]
    of_output = counts["output_audio_tokens"] + counts["output_image_tokens"] + counts["reasoning_tokens"]
    return {
        "input": counts["input_tokens"] - counts["cache_read_tokens"] - written - audio - image,
        "cache_read": counts["cache_read_tokens"] - counts["cache_read_audio_tokens"],
        "cache_write_5m": counts["cache_write_5m_tokens"],
        "cache_write_1h": counts["cache_write_1h_tokens"],
        "input_audio": audio,
        "cache_read_audio": counts["cache_read_audio_tokens"],
        "input_image": image,
        "output": counts["output_tokens"] - of_output,
        "reasoning": counts["reasoning_tokens"],
        "output_audio": counts["output_audio_tokens"],
        "output_image": counts["output_image_tokens"],
        "request": 1,
    }


def _check(usage: Mapping[str, int]) -> None:
    if unknown := sorted(usage.keys() - set(TOKENS)):
        raise ValueError(f"there is no count {unknown[0]}: there are {', '.join(TOKENS)}")
    for name, count in usage.items():
        if type(count) is not int or count < 0:
            raise ValueError(f"{name} is {count!r}: counts are whole numbers from 0 on")
