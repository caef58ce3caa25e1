"""The prices of one payer on the grid of their price key, as the store looks them up: one row a cell."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import product
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

from collector.price_book.row import BEGINNING, DAY, RATES, UNBOUNDED, PriceRow

TIERS_OF_A_SPAN: Final = 16
"""A cell is this many times the number of its span of the day, plus that of its tier; views of prices say so too."""
_MOST_TIERS: Final = TIERS_OF_A_SPAN - 1
_PICO: Final = 1_000_000
_RATES_OF: Final = attrgetter(*RATES)
Book: TypeAlias = Mapping[int, Sequence[PriceRow]]
"""Price rows by price key."""


class EffectivePrice(NamedTuple):
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


COLUMNS: Final = list(EffectivePrice._fields)


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
    return found or [rows[0]._replace(valid_from=BEGINNING, valid_to=BEGINNING)]


def _priced(
    team: str, team_below: str, key: int, cell: int, day_from: int, input_from: int, row: PriceRow
) -> EffectivePrice:
    place = (team, team_below, key, cell, row.valid_from, row.valid_to, day_from, input_from)
    return EffectivePrice._make((*place, *_columns_of(_RATES_OF(row)), row.source))


# Under contracts of many payers most rows say what others have said of another time.
@functools.lru_cache(2**16)
def _columns_of(rates: tuple[Decimal | None, ...]) -> tuple[Any, ...]:
    """The columns of an effective price that its rates, in the order of RATES, make."""
    known = filled(dict(zip(RATES, rates, strict=True)))
    lacking = (known[name] is None for name in ("input_rate", "output_rate"))
    return (*(picodollars(known[name]) for name in RATES), *lacking)


def filled(rates: Mapping[str, Decimal | None]) -> dict[str, Decimal | None]:
    """The rates, a meter without one of its own having that of the meter that contains it."""
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
