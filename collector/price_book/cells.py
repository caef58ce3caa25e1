"""The prices of one payer on the grid of their price key, as the store looks them up: one row a cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import Final, TypeAlias

from collector.price_book.row import BEGINNING, DAY, UNBOUNDED, PriceRow

TIERS_OF_A_SPAN: Final = 16
"""A cell is this many times the number of its span of the day, plus that of its tier; views of prices say so too."""
_MOST_TIERS: Final = TIERS_OF_A_SPAN - 1
_PICO: Final = 1_000_000
Book: TypeAlias = Mapping[int, Sequence[PriceRow]]
"""Price rows by price key."""


@dataclass(frozen=True, slots=True)
class EffectivePrice:
    """One row of effective_prices; rates are picodollars per token."""

    team: str
    team_below: str
    price_key: int
    cell: int
    starts_at: datetime
    ends_at: datetime
    day_from: int
    input_from: int
    input_rate: int
    cache_read_rate: int
    cache_write_5m_rate: int
    cache_write_1h_rate: int
    output_rate: int
    reasoning_rate: int
    input_audio_rate: int
    cache_read_audio_rate: int
    output_audio_rate: int
    input_image_rate: int
    output_image_rate: int
    request_rate: int
    lacks_input: bool
    lacks_output: bool
    source: str


COLUMNS: Final = [field.name for field in fields(EffectivePrice)]


def cells_of(team: str, team_below: str, by_key: Book) -> Iterator[EffectivePrice]:
    """The rows of one payer, or of an account over a team, on the grid of their price key.

    Raises ValueError where that has more tiers of input tokens than the store can tell apart.
    """
    for key, rows in by_key.items():
        tiers = sorted({0, *(bound for row in rows for bound in (row.input_from, row.input_to) if bound < UNBOUNDED)})
        days = sorted({0, *(bound for row in rows for bound in (row.day_from, row.day_to) if bound < DAY)})
        if len(tiers) > _MOST_TIERS:
            raise ValueError(f"{rows[0].model} has more than {_MOST_TIERS} tiers of input tokens: state fewer")
        for (day, day_from), (tier, input_from) in product(enumerate(days), enumerate(tiers)):
            for row in _within_cell(rows, day_from, input_from):
                yield _priced(team, team_below, key, TIERS_OF_A_SPAN * day + tier, day_from, input_from, row)


def _within_cell(rows: Sequence[PriceRow], day_from: int, input_from: int) -> list[PriceRow]:
    """The rows that hold there; where there are none one that never holds, or the cell before would reach on."""
    found = [
        row for row in rows if row.day_from <= day_from < row.day_to and row.input_from <= input_from < row.input_to
    ]
    return found or [replace(rows[0], valid_from=BEGINNING, valid_to=BEGINNING)]


def _priced(
    team: str, team_below: str, key: int, cell: int, day_from: int, input_from: int, row: PriceRow
) -> EffectivePrice:
    rates = filled(row)
    return EffectivePrice(
        team=team,
        team_below=team_below,
        price_key=key,
        cell=cell,
        starts_at=row.valid_from,
        ends_at=row.valid_to,
        day_from=day_from,
        input_from=input_from,
        **{name: picodollars(rate) for name, rate in rates.items()},
        lacks_input=rates["input_rate"] is None,
        lacks_output=rates["output_rate"] is None,
        source=row.source,
    )


def filled(row: PriceRow) -> dict[str, Decimal | None]:
    """The rates, a meter without one of its own having that of the meter that contains it."""
    rates = row.rates
    cached = _first(rates["cache_read_rate"], rates["input_rate"])
    written = _first(rates["cache_write_5m_rate"], rates["input_rate"])
    audio = _first(rates["input_audio_rate"], rates["input_rate"])
    return {
        "input_rate": rates["input_rate"],
        "cache_read_rate": cached,
        "cache_write_5m_rate": written,
        "cache_write_1h_rate": _first(rates["cache_write_1h_rate"], written),
        "output_rate": rates["output_rate"],
        "reasoning_rate": _first(rates["reasoning_rate"], rates["output_rate"]),
        "input_audio_rate": audio,
        "cache_read_audio_rate": _first(rates["cache_read_audio_rate"], rates["cache_read_rate"], audio),
        "output_audio_rate": _first(rates["output_audio_rate"], rates["output_rate"]),
        "input_image_rate": _first(rates["input_image_rate"], rates["input_rate"]),
        "output_image_rate": _first(rates["output_image_rate"], rates["output_rate"]),
        "request_rate": rates["request_rate"],
    }


def _first(*rates: Decimal | None) -> Decimal | None:
    return next((rate for rate in rates if rate is not None), None)


def picodollars(rate: Decimal | None) -> int:
    """US dollars per million tokens as picodollars per token; 0 where there is no rate."""
    return 0 if rate is None else int((rate * _PICO).to_integral_value())
